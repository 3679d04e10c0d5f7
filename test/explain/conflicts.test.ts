/**
 * What people read when a request fails: every case of the table, word by word.
 *
 * A changed text is to be read before its snapshot is taken.
 */
import { describe, expect, test } from 'bun:test'
import { answerIn } from '../../src/catalog/world.fixture.ts'
import {
  catalogOf as rezCatalogOf,
  type PackageData,
} from '../../src/interop/repository.fixture.ts'
import { linesExplaining } from '../../src/cli/explained.fixture.ts'
import type { Explanation } from '#catalog/index.ts'
import { solveRez } from '#interop/index.ts'
import cases from '../data/rez-solver-cases.json' with { type: 'json' }
import { type Case, nativeCases, rezCases } from './universes.ts'

type Told = Explanation & { readonly hints: readonly string[] }

/** Line by line, below what was asked for. */
function textOf(asked: string, { sentences, fixes, hints }: Told): string {
  return [
    `> ${asked}`,
    ...sentences,
    ...fixes.map(({ text }) => `fix: ${text}`),
    ...hints.map((hint) => `hint: ${hint}`),
  ].join('\n')
}

function nativeTold({ world, request: asked, platform }: Case): Told {
  const answer = answerIn(world, asked, platform)
  if (answer.kind !== 'unsolvable') throw new TypeError(`it is ${answer.kind}`)
  return answer
}

function packagesOf(line: string): readonly PackageData[] {
  const [head = '', rest = ''] = line.split(': ')
  const [name = '', ...versions] = head.replace(/:$/, '').split(' ')
  const [own = '', ...variants] = rest.split('|').map((part) => part.trim())
  const list = (text: string): string[] => text.split('; ').filter(Boolean)
  return versions.map((version) => ({
    name,
    version,
    requires: list(own),
    variants: variants.map(list),
  }))
}

async function rezTold(packages: readonly PackageData[], asked: readonly string[]): Promise<Told> {
  const repositories = [{ path: '/repository', catalog: rezCatalogOf(packages) }]
  const { solution } = await solveRez({ request: asked, repositories })
  if (solution.kind !== 'failed') throw new TypeError(`it is ${solution.kind}`)
  return solution
}

describe('native', () => {
  test.each(nativeCases.map((one) => [one.title, one] as const))('%s', (_title, one) => {
    const { platform, request } = one
    const asked = [platform, request.join(', ')].filter(Boolean).join(': ')
    expect(textOf(asked, nativeTold(one))).toMatchSnapshot()
  })
})

describe('rez', () => {
  test.each(rezCases.map((one) => [one.title, one] as const))('%s', async (_title, one) => {
    const told = await rezTold(one.world.flatMap(packagesOf), one.request)
    expect(textOf(one.request.join(' '), told)).toMatchSnapshot()
  })

  const failing = cases.cases.filter(
    ({ expect: wanted, config }) =>
      typeof wanted === 'string' && config.error_on_missing_variant_requires,
  )
  test.each(failing.map((one) => [one.request.join(' '), one] as const))(
    '%s',
    async (_text, one) => {
      const told = await rezTold(cases.packages, one.request)
      expect(textOf(one.request.join(' '), told)).toMatchSnapshot()
    },
  )
})

test('every text fits on one screen of 24 lines and 80 columns, below what was typed', async () => {
  const rez = rezCases.map(({ world, request }) => rezTold(world.flatMap(packagesOf), request))
  for (const told of [...nativeCases.map(nativeTold), ...(await Promise.all(rez))]) {
    const lines = linesExplaining(told)
    expect([lines.length <= 23, lines]).toEqual([true, lines])
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
  }
})
