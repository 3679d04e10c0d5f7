/**
 * What people read when a request fails: every case of the table, word by word.
 *
 * A changed text is to be read before its snapshot is taken.
 */
import { describe, expect, test } from 'bun:test'
import { recipe, request, system } from '../../src/catalog/fixture.ts'
import {
  catalogOf as rezCatalogOf,
  type PackageData,
} from '../../src/interop/repository.fixture.ts'
import { type CatalogEntry, catalogOf, type Explanation, resolve } from '#catalog/index.ts'
import { solveRez } from '#interop/index.ts'
import { findPlatform } from '#model/index.ts'
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

function entriesOf(line: string): readonly CatalogEntry[] {
  const [head = '', list = ''] = splitOnce(line, ': ')
  const [name = '', ...versions] = head.replace(/:$/, '').split(/\s+/)
  if (versions[0] === 'system') return [system(name, versions[1], list === '' ? undefined : list)]
  const option = /\[(\w+)\]/.exec(head)?.[1]
  const plain = versions.map((text) => text.replace(/\[\w+\]$/, '')).filter(Boolean)
  return recipe(name, plain.join(' '), {
    ...(option === undefined ? {} : { options: `{ ${option}: { default: false } }` }),
    requires: list
      .split('; ')
      .filter((one) => one.trim() !== '')
      .map(requirementOf),
  })
}

function requirementOf(text: string): string {
  const [, require = text, reason] = /^(.*?)(?: \((.*)\))?$/.exec(text.trim()) ?? []
  return reason === undefined ? require : JSON.stringify({ require, reason })
}

function splitOnce(text: string, at: string): readonly string[] {
  const place = text.indexOf(at)
  return place < 0 ? [text] : [text.slice(0, place), text.slice(place + at.length)]
}

function nativeScreen({ world, request: asked, platform }: Case): string {
  const answer = resolve(
    catalogOf(world.flatMap(entriesOf)),
    request(asked, platform === undefined ? {} : { platform: findPlatform(platform) }),
  )
  if (answer.kind !== 'unsolvable') throw new TypeError(`it is ${answer.kind}`)
  return screen([platform, asked.join(', ')].filter(Boolean).join(': '), answer)
}

function packagesOf(line: string): readonly PackageData[] {
  const [head = '', rest = ''] = splitOnce(line, ': ')
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
