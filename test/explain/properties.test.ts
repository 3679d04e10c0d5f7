/**
 * Explanations of small Rez worlds: true, minimal, apart, and every fix does what it says.
 *
 * Each world has up to 8 families; whether a changed world or a part of it has an answer is found
 * by trying every combination.
 */
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { catalogOf, type PackageData } from '../../src/interop/repository.fixture.ts'
import { linesExplaining } from '../../src/cli/explained.fixture.ts'
import { type RezSolution, solveRez } from '#interop/index.ts'
import { allowedVersions, contains, parseRequirement, parseVersion } from '#model/index.ts'

type Failed = RezSolution & { readonly kind: 'failed' }

interface World {
  readonly packages: readonly (PackageData & { readonly requires: readonly string[] })[]
  readonly request: readonly string[]
}

const names = ['maya', 'nuke', 'usd', 'osl', 'oiio', 'openexr', 'imath', 'python']

/** A family needs only later ones, so that there are no circles. */
const worlds: fc.Arbitrary<World> = fc.integer({ min: 0, max: 2 ** 31 }).map((seed) => {
  let state = seed
  const below = (limit: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0
    return ((state ^ (state >>> 13)) >>> 0) % limit
  }
  const range = () => ['', '-1', '-2', '-3', '<2', '<3', '-2+', '-3+'][below(8)] ?? ''
  const sign = () => (below(8) === 0 ? '!' : below(6) === 0 ? '~' : '')
  const own = names.slice(0, 4 + below(5))
  const demand = (from: number) => {
    const name = own[from + below(own.length - from)] ?? 'python'
    const how = sign()
    const text = range()
    return `${how}${name}${how === '!' && text === '' ? '-2' : text}`
  }
  const packages = own.flatMap((name, at) =>
    Array.from({ length: 1 + below(3) }, (_none, index) => ({
      name,
      version: String(index + 1),
      requires: at + 1 < own.length ? Array.from({ length: below(4) }, () => demand(at + 1)) : [],
    })),
  )
  const request = Array.from({ length: 2 + below(3) }, () => demand(0))
  // Rez makes one requirement of several on a family, so they are not what the world says.
  const byName = new Map(request.map((text) => [text.replace(/^[!~]|[-<].*$/g, ''), text]))
  return { packages, request: [...byName.values()] }
})

const parsed = new Map<string, ReturnType<typeof parseRequirement>>()

function holds(text: string, chosen: ReadonlyMap<string, string>): boolean {
  const requirement = parsed.get(text) ?? parseRequirement(text, 'rez')
  parsed.set(text, requirement)
  const version = chosen.get(requirement.name)
  if (version === undefined) return requirement.kind !== 'require'
  return contains(allowedVersions(requirement), parseVersion(version, 'rez'))
}

/** Whether every combination fails; `extra` versions are let in beside what a demand allows. */
function isImpossible(
  { packages, request }: World,
  passes = (_demand: Demanded) => false,
): boolean {
  const families = [...new Set(packages.map(({ name }) => name))]
  const extend = (at: number, chosen: Map<string, string>): boolean => {
    const name = families[at]
    if (name === undefined) return isAnswer({ packages, request }, chosen, passes)
    for (const version of [
      undefined,
      ...packages.filter((p) => p.name === name).map((p) => p.version),
    ]) {
      if (version === undefined) chosen.delete(name)
      else chosen.set(name, version)
      if (extend(at + 1, chosen)) return true
    }
    chosen.delete(name)
    return false
  }
  return !extend(0, new Map())
}

interface Demanded {
  readonly from: { readonly name: string; readonly version: string } | undefined
  readonly text: string
  readonly chosen: ReadonlyMap<string, string>
}

function isAnswer(
  { packages, request }: World,
  chosen: ReadonlyMap<string, string>,
  passes: (demand: Demanded) => boolean,
): boolean {
  const meets = (from: Demanded['from'], text: string) =>
    holds(text, chosen) || passes({ from, text, chosen })
  return (
    request.every((text) => meets(undefined, text)) &&
    packages
      .filter(({ name, version }) => chosen.get(name) === version)
      .every(({ name, version, requires }) =>
        requires.every((text) => meets({ name, version }, text)),
      )
  )
}

async function failureOf(world: World): Promise<Failed | undefined> {
  const repositories = [{ path: '/repository', catalog: catalogOf(world.packages) }]
  const { solution } = await solveRez({ request: world.request, repositories })
  return solution.kind === 'failed' && solution.reason === 'conflict' ? solution : undefined
}

type Fact = Failed['causes'][number]['facts'][number]

/** The world in which only these facts are true. */
function onlyFacts({ packages }: World, facts: readonly Fact[]): World {
  return {
    request: facts.filter(({ from }) => from === undefined).map(({ requirement }) => requirement),
    packages: packages.map((one) => ({
      ...one,
      requires: facts
        .filter(({ from }) => from?.name === one.name && from.versions.includes(one.version))
        .map(({ requirement }) => requirement),
    })),
  }
}

const runs = { numRuns: 300 }
const slowMs = 120_000

test(
  'causes are impossible, minimal, share no fact, and all is told on one screen',
  async () => {
    let failures = 0
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const failure = await failureOf(world)
        if (failure === undefined) return
        failures += 1
        for (const { facts, sentences } of failure.causes) {
          expect(isImpossible(onlyFacts(world, facts))).toBe(true)
          for (const fact of facts) {
            const rest = facts.filter((other) => other !== fact)
            expect(isImpossible(onlyFacts(world, rest))).toBe(false)
          }
          expect(sentences.length).toBeGreaterThan(0)
          for (const text of sentences)
            expect(text).toMatch(/^(\(\d\) )?[A-Za-z].*\.$|^\(.* left out\.\)$/)
        }
        expect(linesExplaining(failure).length).toBeLessThan(24)
        const texts = failure.causes.flatMap(({ facts }) => facts.flatMap(single))
        expect(new Set(texts).size).toBe(texts.length)
      }),
      runs,
    )
    expect(failures).toBeGreaterThan(30)
  },
  slowMs,
)

function single({ from, requirement }: Fact): readonly string[] {
  if (from === undefined) return [requirement]
  return from.versions.map((version) => `${from.name}-${version}: ${requirement}`)
}

test(
  'every fix solves, gives what it says, and none is told twice',
  async () => {
    let fixes = 0
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const failure = await failureOf(world)
        if (failure === undefined) return
        const texts = failure.fixes.map(({ text }) => text)
        expect(new Set(texts).size).toBe(texts.length)
        for (const fix of failure.fixes) {
          fixes += 1
          const passes = passing(fix.changes)
          expect(isImpossible(world, passes)).toBe(false)
          const pins = fix.gives.map(({ name, version }) => `${name}==${version}`)
          const given = { ...world, request: [...world.request, ...pins] }
          expect(isImpossible(given, passes)).toBe(false)
        }
      }),
      runs,
    )
    expect(fixes).toBeGreaterThan(60)
  },
  slowMs,
)

/** Which demands a fix lets pass although they are not met. */
function passing(changes: Failed['fixes'][number]['changes']) {
  return ({ from, text, chosen }: Demanded): boolean =>
    changes.some((change) => {
      const isOwn = change.from?.name === from?.name && change.from?.version === from?.version
      if (!isOwn || parseRequirement(text, 'rez').text !== change.requirement) return false
      const { allow } = change
      return allow === undefined || chosen.get(allow.name) === allow.version
    })
}
