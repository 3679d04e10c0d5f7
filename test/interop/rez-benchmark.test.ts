/** Rez's own benchmark: the answers that Rez gives, and valid under its rules. */
import { expect, test } from 'bun:test'
import { readBenchmark } from '../../bench/rez-benchmark.ts'
import { catalogOf } from '../../src/interop/repository.fixture.ts'
import { solveRez } from '#interop/index.ts'
import { allowedVersions, contains, parseRequirement, parseVersion } from '#model/index.ts'

test('the requests of the benchmark', async () => {
  const data = readBenchmark()
  const repositories = [{ path: '/repository', catalog: catalogOf(data.packages) }]
  for (const [index, request] of data.requests.entries()) {
    const { solution } = await solveRez({ request, repositories })
    const rez = data.results[index]
    expect(solution.kind).toBe(rez?.status === 'solved' ? 'solved' : 'failed')
    if (solution.kind !== 'solved') continue
    const versions = new Map(solution.packages.map(({ name, version }) => [name, version]))
    for (const text of [...request, ...solution.packages.flatMap(({ requires }) => requires)]) {
      const wanted = parseRequirement(text, 'rez')
      const version = versions.get(wanted.name)
      if (version === undefined) expect(wanted.kind).not.toBe('require')
      else expect(contains(allowedVersions(wanted), parseVersion(version, 'rez'))).toBeTrue()
    }
    const theirs = new Map((rez?.resolved ?? []).map((text) => split(text)))
    for (const text of request) {
      const { name } = parseRequirement(text, 'rez')
      const [own, other] = [versions.get(name), theirs.get(name)]
      if (own === undefined || other === undefined) expect(own).toBe(other)
      else expect(parseVersion(own, 'rez').key >= parseVersion(other, 'rez').key).toBeTrue()
    }
    const shown = solution.packages.map(
      ({ name, version, variant }) =>
        `${name}${version === '' ? '' : `-${version}`}[${variant ?? ''}]`,
    )
    expect(shown).toEqual([...(rez?.resolved ?? [])])
  }
}, 60_000)

/** `name-version[variant]`; names of the benchmark hold no `-`. */
function split(text: string): [name: string, version: string] {
  const [, name = '', version = ''] = /^([^-[]+)-?([^[]*)\[/.exec(text) ?? []
  return [name, version]
}
