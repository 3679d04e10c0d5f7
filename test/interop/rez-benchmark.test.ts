/** Rez's own benchmark: the answers that Rez gives, and valid under its rules. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { readBenchmark, shown } from '../../bench/rez-benchmark.ts'
import { catalogOf } from '../../src/interop/repository.fixture.ts'
import { solveRez } from '#interop/index.ts'
import { brokenRules, byFamily } from './rez-rules.ts'

const data = readBenchmark()
const repositories = [{ path: '/repository', catalog: catalogOf(data.packages) }]

const definitions = byFamily(data.packages)

interface Asked {
  readonly request: readonly string[]
  readonly status: string
  readonly resolved: readonly string[]
}

async function expectRezAnswer({ request, status, resolved }: Asked): Promise<void> {
  const { solution } = await solveRez({ request, repositories })
  expect(solution.kind, request.join(' ')).toBe(status === 'solved' ? 'solved' : 'failed')
  if (solution.kind !== 'solved') return
  expect(shown(solution.packages)).toEqual([...resolved])
  expect(brokenRules(definitions, request, solution.packages)).toEqual([])
}

test('the requests of the benchmark', async () => {
  for (const [index, request] of data.requests.entries()) {
    const { status = '', resolved = [] } = data.results[index] ?? {}
    await expectRezAnswer({ request, status, resolved })
  }
}, 60_000)

test('random requests of the same kind', async () => {
  const file = join(import.meta.dir, '../data/rez-random-requests.json.gz')
  const asked: readonly Asked[] = JSON.parse(gunzipSync(readFileSync(file)).toString())
  expect(asked.length).toBeGreaterThan(400)
  for (const one of asked) await expectRezAnswer(one)
}, 240_000)

test('an answer that leaves a requirement unmet is told', async () => {
  const [request = []] = data.requests
  const { solution } = await solveRez({ request, repositories })
  const packages = solution.kind === 'solved' ? solution.packages : []
  const without = packages.filter(({ name }) => name !== 'wave')
  expect(brokenRules(definitions, request, without)).toContain(
    'the request requires wave, which is absent',
  )
})
