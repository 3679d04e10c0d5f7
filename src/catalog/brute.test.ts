/** Recipes of eight packages against brute force, by rules of its own. */
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { recipe, request } from './fixture.ts'
import { catalogOf } from './memory.ts'
import { resolve } from './resolve.ts'

const names = ['alembic', 'boost', 'cpython', 'eigen', 'fmt', 'glew', 'hdf5', 'imath'] as const
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
  readonly name: string
  readonly range: string
}

interface Needed extends Wish {
  /** Holds for versions from this one on. */
  readonly since: number
}

interface Plan {
  readonly name: string
  readonly versions: readonly number[]
  readonly needs: readonly Needed[]
}

const wish = fc.record({
  kind: fc.constantFrom<Wish['kind'][]>('', '', '', '~', '!'),
  name: fc.constantFrom<string[]>(...names),
  range: fc.constantFrom(...Object.keys(ranges)),
})
const needed = fc
  .record({ wish, since: fc.constantFrom(1, 1, 2, 3) })
  .map(({ wish: own, since }): Needed => ({ ...own, since }))
const plans = fc
  .tuple(
    ...names.map((name) =>
      fc.record({
        name: fc.constant(name),
        versions: fc.subarray([1, 2, 3], { minLength: 1 }),
        needs: fc.array(needed, { maxLength: 3 }),
      }),
    ),
  )
  .map((all) =>
    all.map((one): Plan => ({ ...one, needs: one.needs.filter(({ name }) => name !== one.name) })),
  )
const asked = fc.uniqueArray(wish, { selector: ({ name }) => name, minLength: 1, maxLength: 4 })

function textOf({ kind, name, range }: Wish): string {
  return `${kind}${name}${range}`
}

function entriesOf(all: readonly Plan[]) {
  return all.flatMap(({ name, versions, needs }) => {
    const requires = needs.map(
      (one) =>
        `{ require: "${textOf(one)}", reason: "a test", when: { version: ">=${one.since}" } }`,
    )
    return recipe(name, versions.join(' '), { requires })
  })
}

/** What has to be present with these versions, if that holds together. */
function closure(
  all: readonly Plan[],
  versions: ReadonlyMap<string, number>,
  wanted: readonly Wish[],
): ReadonlySet<string> | undefined {
  const inForce = [...wanted]
  const present = new Set<string>()
  for (const one of inForce) {
    const { kind, name } = one
    if (kind !== '' || present.has(name)) continue
    present.add(name)
    const needs = all.find((plan) => plan.name === name)?.needs ?? []
    inForce.push(...needs.filter(({ since }) => (versions.get(name) ?? 0) >= since))
  }
  return inForce.every((one) => holds(one, versions, present)) ? present : undefined
}

function holds(
  { kind, name, range }: Wish,
  versions: ReadonlyMap<string, number>,
  present: ReadonlySet<string>,
): boolean {
  const fits = ranges[range]?.(versions.get(name) ?? 0) ?? false
  if (kind === '') return fits
  return !present.has(name) || (kind === '~' ? fits : !fits)
}

/** Versions of what is asked for, best first, and how many packages the smallest such answer has. */
function best(
  all: readonly Plan[],
  wanted: readonly Wish[],
): { readonly rank: string; readonly size: number } | undefined {
  let found: { rank: string; size: number } | undefined
  const choose = (at: number, versions: Map<string, number>): void => {
    const plan = all[at]
    if (plan !== undefined) {
      for (const version of plan.versions)
        choose(at + 1, new Map([...versions, [plan.name, version]]))
      return
    }
    const present = closure(all, versions, wanted)
    if (present === undefined) return
    const rank = wanted
      .filter(({ kind }) => kind === '')
      .map(({ name }) => versions.get(name))
      .join()
    if (found === undefined || rank > found.rank) found = { rank, size: present.size }
    else if (rank === found.rank) found.size = Math.min(found.size, present.size)
  }
  choose(0, new Map())
  return found
}

test('verdict, what is asked for, and how many packages', () => {
  const seen = { solved: 0, unsolvable: 0 }
  fc.assert(
    fc.property(plans, asked, (all, wanted) => {
      const answer = resolve(catalogOf(entriesOf(all)), request(wanted.map(textOf)))
      const expected = best(all, wanted)
      expect(answer.kind).toBe(expected === undefined ? 'unsolvable' : 'solved')
      if (answer.kind !== 'solved' || expected === undefined) {
        seen.unsolvable += 1
        return
      }
      seen.solved += 1
      const chosen = new Map(answer.packages.map((one) => [one.name, one.version]))
      const rank = wanted.filter(({ kind }) => kind === '').map(({ name }) => chosen.get(name))
      expect(rank.join()).toBe(expected.rank)
      if (answer.optimal) expect(chosen.size).toBe(expected.size)
    }),
    { numRuns: 150 },
  )
  expect(seen.solved).toBeGreaterThan(30)
  expect(seen.unsolvable).toBeGreaterThan(10)
}, 120_000)
