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
import type { Explanation } from '#catalog/index.ts'
import { solveRez } from '#interop/index.ts'
import cases from '../data/rez-solver-cases.json' with { type: 'json' }
import { type Case, nativeCases, rezCases } from './universes.ts'

type Told = Explanation & { readonly hints: readonly string[] }

/** As a terminal shows it, below what was asked for. */
function screen(asked: string, { sentences, fixes, hints }: Told): string {
  return [
    `> ${asked}`,
    ...sentences,
    ...fixes.map(({ text }) => `fix: ${text}`),
    ...hints.map((hint) => `hint: ${hint}`),
  ].join('\n')
}

function nativeScreen({ world, request: asked, platform }: Case): string {
  const answer = answerIn(world, asked, platform)
  if (answer.kind !== 'unsolvable') throw new TypeError(`it is ${answer.kind}`)
  return screen([platform, asked.join(', ')].filter(Boolean).join(': '), answer)
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

async function rezScreen(packages: readonly PackageData[], asked: readonly string[]) {
  const repositories = [{ path: '/repository', catalog: rezCatalogOf(packages) }]
  const { solution } = await solveRez({ request: asked, repositories })
  if (solution.kind !== 'failed') throw new TypeError(`it is ${solution.kind}`)
  return screen(asked.join(' '), solution)
}

describe('native', () => {
  test.each(nativeCases.map((one) => [one.title, one] as const))('%s', (_title, one) => {
    expect(nativeScreen(one)).toMatchSnapshot()
  })
})

describe('rez', () => {
  test.each(rezCases.map((one) => [one.title, one] as const))('%s', async (_title, one) => {
    expect(await rezScreen(one.world.flatMap(packagesOf), one.request)).toMatchSnapshot()
  })

  const failing = cases.cases.filter(
    ({ expect: wanted, config }) =>
      typeof wanted === 'string' && config.error_on_missing_variant_requires,
  )
  test.each(failing.map((one) => [one.request.join(' '), one] as const))(
    '%s',
    async (_text, one) => {
      expect(await rezScreen(cases.packages, one.request)).toMatchSnapshot()
    },
  )
})

test('a text fits on one screen', () => {
  const screens = nativeCases.map(nativeScreen)
  for (const text of screens) expect(text.split('\n').length).toBeLessThan(20)
})
