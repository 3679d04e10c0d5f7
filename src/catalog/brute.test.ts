/**
 * Eight packages against brute force, by rules of its own: versions, options and existing builds,
 * every kind of requirement, and all preferences in their order.
 */
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { BuildEntry, CatalogEntry } from './entry.ts'
import { build, recipe, request } from './fixture.ts'
import { catalogOf } from './memory.ts'
import type { ResolvedPackage } from './resolution.ts'
import { resolve } from './resolve.ts'

const names = ['alembic', 'boost', 'cpython', 'eigen', 'fmt', 'glew', 'hdf5', 'imath'] as const
type Name = (typeof names)[number]
/** Packages with an option `fast`, and its default. */
const defaults: Partial<Record<Name, boolean>> = { boost: false, hdf5: false, imath: true }
const ranges: Readonly<Record<string, (version: number) => boolean>> = {
  '': () => true,
  ' >=2': (version) => version >= 2,
  ' <3': (version) => version < 3,
  ' 2': (version) => version === 2,
  ' 1 | 3': (version) => version !== 2,
  ' !=3': (version) => version !== 3,
}

interface Wish {
  readonly kind: '' | '~' | '!'
  readonly name: Name
  readonly range: string
  /** The value of `fast` that is asked for. */
  readonly fast?: boolean | undefined
}

interface Needed extends Wish {
  /** Holds for versions from this one on, and where its own package has this value of `fast`. */
  readonly since: number
  readonly when?: boolean | undefined
}

interface Made {
  readonly version: number
  readonly fast: boolean
  /** Places of builds of packages before this one in the alphabet, as far as there are any. */
  readonly against: readonly number[]
}

interface Plan {
  readonly name: Name
  readonly versions: readonly number[]
  readonly needs: readonly Needed[]
  readonly builds: readonly Made[]
}

const maybe = fc.constantFrom(undefined, undefined, true, false)
const wish = fc
  .record({
    kind: fc.constantFrom<Wish['kind'][]>('', '', '', '~', '!'),
    name: fc.constantFrom(...names),
    range: fc.constantFrom(...Object.keys(ranges)),
    fast: maybe,
  })
  .map(({ fast, ...own }): Wish => {
    const isOptional = own.kind === '' && defaults[own.name] !== undefined
    return isOptional ? { ...own, fast } : own
  })
const needed = fc
  .record({ own: wish, since: fc.constantFrom(1, 1, 2, 3), when: maybe })
  .map(({ own, ...rest }): Needed => ({ ...own, ...rest }))
const made = fc.record({
  version: fc.constantFrom(1, 2, 3),
  fast: fc.boolean(),
  against: fc.array(fc.nat({ max: 5 }), { maxLength: 2 }),
})

function planOf(name: Name): fc.Arbitrary<Plan> {
  const isOptional = defaults[name] !== undefined
  return fc
    .record({
      name: fc.constant(name),
      versions: fc.subarray([1, 2, 3], { minLength: 1 }),
      needs: fc.array(needed, { maxLength: 3 }),
      builds: fc.uniqueArray(made, {
        maxLength: 2,
        selector: ({ version, fast }) => `${version} ${isOptional && fast}`,
      }),
    })
    .map((plan) => ({
      ...plan,
      needs: plan.needs
        .filter((need) => need.name !== name)
        .map((need) => (isOptional ? need : { ...need, when: undefined })),
    }))
}

const plans = fc.tuple(...names.map(planOf))
const asked = fc.uniqueArray(wish, { selector: ({ name }) => name, minLength: 1, maxLength: 4 })

function textOf({ kind, name, range, fast }: Wish): string {
  return `${kind}${name}${fast === undefined ? '' : `[fast=${fast}]`}${range}`
}

/** What may be chosen for a package. */
interface Choice {
  readonly name: Name
  readonly version: number
  readonly fast: boolean | undefined
  readonly build: BuildEntry | undefined
  /** Whether `fast` is not as it is unless somebody asks. */
  readonly isUnusual: boolean
  readonly needs: readonly Wish[]
  /** Builds that it was compiled against. */
  readonly against: readonly BuildEntry[]
}

interface World {
  readonly entries: readonly CatalogEntry[]
  /** Best first. */
  readonly choices: Readonly<Record<string, readonly Choice[]>>
}

function worldOf(all: readonly Plan[]): World {
  const before: BuildEntry[] = []
  const entries: CatalogEntry[] = []
  const choices: Record<string, readonly Choice[]> = {}
  for (const plan of all) {
    const { name, versions, needs } = plan
    const usual = defaults[name]
    const requires = needs.map((one) => {
      const option = one.when === undefined ? '' : `, option: { fast: ${one.when} }`
      const when = `{ version: ">=${one.since}"${option} }`
      return `{ require: "${textOf(one)}", reason: "a test", when: ${when} }`
    })
    const options = usual === undefined ? '{}' : `{ fast: ${usual} }`
    const builds = plan.builds.map((one): Choice => {
      const against = [...new Set(one.against.flatMap((at) => before[at] ?? []))]
      const fast = usual === undefined ? undefined : one.fast
      const chosen = fast === undefined ? {} : { fast }
      const entry = build(name, `${one.version}`, { options: chosen, against })
      // What is the default of a version without a recipe nobody knows.
      const isUnusual = versions.includes(one.version) && fast !== usual
      return { name, version: one.version, fast, build: entry, isUnusual, needs: [], against }
    })
    const recipes = versions.flatMap((version) =>
      (usual === undefined ? [undefined] : [usual, !usual]).map((fast): Choice => {
        const inForce = needs.filter(
          ({ since, when }) => version >= since && (when === undefined || when === fast),
        )
        const isUnusual = fast !== usual
        return { name, version, fast, build: undefined, isUnusual, needs: inForce, against: [] }
      }),
    )
    // Where there is no recipe, what is not fast is taken for usual.
    const odd = (one: Choice) =>
      versions.includes(one.version) ? one.isUnusual : one.fast === true
    choices[name] = [...builds, ...recipes].sort(
      (a, b) =>
        b.version - a.version ||
        Number(odd(a)) - Number(odd(b)) ||
        Number(a.build === undefined) - Number(b.build === undefined),
    )
    const own = builds.flatMap((one) => one.build ?? [])
    entries.push(...recipe(name, versions.join(' '), { requires, options }), ...own)
    before.push(...own)
  }
  return { entries, choices }
}

function meets({ kind, range, fast }: Wish, choice: Choice): boolean {
  const inside = ranges[range]?.(choice.version) ?? false
  if (kind === '!') return !inside
  return inside && (fast === undefined || choice.fast === fast)
}

type Answer = readonly (readonly Choice[])[]

/** Every answer, as levels: what is asked for, what that needs, what that needs, … */
function answersOf({ choices }: World, wanted: readonly Wish[]): Answer[] {
  const answers: Answer[] = []
  const extend = (levels: Answer, level: readonly Name[], chosen: readonly Choice[]): void => {
    const [name, ...rest] = level
    const all = levels.flat()
    if (name === undefined) {
      const present = new Set([...all, ...chosen].map((one) => one.name))
      const next = [...new Set(chosen.flatMap(neededBy))].filter((one) => !present.has(one))
      if (next.length > 0) extend([...levels, chosen], next, [])
      else if ([...all, ...chosen].every((one) => isAsked(one, wanted, [...all, ...chosen])))
        answers.push([...levels, chosen])
      return
    }
    for (const choice of choices[name] ?? [])
      if (fits(choice, [...all, ...chosen], wanted)) extend(levels, rest, [...chosen, choice])
  }
  const needs = wanted.filter(({ kind }) => kind === '').map((one) => one.name)
  extend([], needs, [])
  return answers
}

function neededBy({ needs, against }: Choice): Name[] {
  const stated = needs.filter(({ kind }) => kind === '').map((one) => one.name)
  return [...against.flatMap((one) => names.find((name) => name === one.name) ?? []), ...stated]
}

/** Whether it goes together with what is chosen. */
function fits(choice: Choice, others: readonly Choice[], wanted: readonly Wish[]): boolean {
  const accepts = (one: Choice, other: Choice) =>
    one.needs.every((need) => need.name !== other.name || meets(need, other)) &&
    one.against.every((entry) => entry.name !== other.name || entry === other.build)
  return (
    wanted.every((one) => one.name !== choice.name || meets(one, choice)) &&
    others.every((other) => accepts(other, choice) && accepts(choice, other))
  )
}

function isAsked(choice: Choice, wanted: readonly Wish[], present: readonly Choice[]): boolean {
  const { name, fast, build: own, isUnusual } = choice
  const asks = (one: Wish) => one.kind === '' && one.name === name && one.fast === fast
  if (!isUnusual || wanted.some(asks)) return true
  return present.some(
    ({ needs, against }) => needs.some(asks) || (own !== undefined && against.includes(own)),
  )
}

/** Versions of a level, then what of each version: smaller is better. */
function rankOf({ choices }: World, level: readonly Choice[]): number[] {
  const places = level.map((one) => choices[one.name]?.indexOf(one) ?? -1)
  return [...level.map(({ version }) => -version), ...places]
}

function best(world: World, wanted: readonly Wish[]): readonly Choice[] | undefined {
  const ranked = answersOf(world, wanted).map((answer) => ({
    all: answer.flat(),
    first: rankOf(world, answer[0] ?? []),
    whole: answer.flatMap((level) => rankOf(world, level)),
  }))
  ranked.sort(
    (a, b) => compare(a.first, b.first) || a.all.length - b.all.length || compare(a.whole, b.whole),
  )
  return ranked[0]?.all
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((one, index) => one !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

function tell({ name, version, fast, build: own }: Choice): string {
  return `${name} ${version} ${own === undefined ? 'recipe' : 'build'} ${fast ?? ''}`
}

function tellResolved(one: ResolvedPackage): string {
  const options =
    one.kind === 'build' ? one.entry.config.options : one.kind === 'recipe' ? one.options : {}
  return `${one.name} ${one.version} ${one.kind} ${String(options['fast'] ?? '')}`
}

test('verdict, and the best of all answers', () => {
  const seen = { solved: 0, unsolvable: 0, unusual: 0, builds: 0 }
  fc.assert(
    fc.property(plans, asked, (all, wanted) => {
      const world = worldOf(all)
      const answer = resolve(catalogOf(world.entries), request(wanted.map(textOf)))
      const expected = best(world, wanted)
      expect(answer.kind).toBe(expected === undefined ? 'unsolvable' : 'solved')
      if (answer.kind !== 'solved' || expected === undefined) {
        seen.unsolvable += 1
        return
      }
      seen.solved += 1
      if (expected.some(({ isUnusual }) => isUnusual)) seen.unusual += 1
      if (expected.some((one) => one.build !== undefined)) seen.builds += 1
      expect(answer.optimal).toBe(true)
      expect(answer.packages.map(tellResolved).sort()).toEqual(expected.map(tell).sort())
    }),
    { numRuns: 200 },
  )
  expect(seen.solved).toBeGreaterThan(40)
  expect(seen.unsolvable).toBeGreaterThan(15)
  expect(seen.unusual).toBeGreaterThan(5)
  expect(seen.builds).toBeGreaterThan(20)
}, 120_000)
