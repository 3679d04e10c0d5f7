import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { BuildEntry, CatalogEntry } from './entry.ts'
import { build, recipe, request, system } from './fixture.ts'
import { catalogOf } from './memory.ts'
import { resolve } from './resolve.ts'

const names = ['alembic', 'boost', 'cpython', 'eigen', 'fmt'] as const
const versions = ['1', '2', '3']
const name = fc.constantFrom(...names)
const requirement = fc
  .tuple(
    fc.constantFrom('', '', '', '~', '!'),
    fc.oneof({ weight: 4, arbitrary: name }, fc.constantFrom('jpeg', 'zlib')),
    fc.constantFrom('', ' >=2', ' <3', ' 2'),
  )
  .map((parts) => parts.join(''))
const option = fc.constantFrom('', '[fast=true]')

interface Plan {
  readonly of: string
  readonly versions: readonly string[]
  readonly requires: readonly string[]
  readonly provides: readonly string[]
  readonly built: readonly string[]
  readonly epoch: number
}

const plan = fc.record({
  of: name,
  versions: fc.subarray(versions, { minLength: 1 }),
  requires: fc.array(requirement, { maxLength: 3 }),
  provides: fc.subarray(['jpeg 62', 'jpeg'], { maxLength: 1 }),
  built: fc.subarray(versions),
  epoch: fc.nat(3),
})

function entriesOf(plans: readonly Plan[]): readonly CatalogEntry[] {
  const made: BuildEntry[] = []
  const reasoned = (text: string) => `{ require: "${text}", reason: "a test" }`
  const rest = plans.flatMap(({ of, versions: all, requires, provides, built, epoch }) => {
    const others = requires.filter((text) => !text.includes(of)).map(reasoned)
    const options = '{ fast: false }'
    for (const version of built) {
      const against = made.slice(-2).filter((one) => one.name !== of)
      made.push(build(of, version, { against, provides, epoch, interface: `${of} ${epoch}` }))
    }
    return recipe(of, all.join(' '), { requires: others, provides, options })
  })
  return [...rest, ...made, system('zlib', '1.3')]
}

test('the answer does not depend on the order in which a source has its entries', () => {
  const plans = fc.uniqueArray(plan, { selector: ({ of }) => of, minLength: 2 })
  const asked = fc.array(
    fc.tuple(name, option).map((parts) => parts.join('')),
    { minLength: 1, maxLength: 3 },
  )
  let solved = 0
  const property = fc.property(plans, asked, fc.infiniteStream(fc.nat()), (some, wanted, order) => {
    const entries = entriesOf(some)
    const keys = new Map(entries.map((entry) => [entry, order.next().value]))
    const shuffled = entries.toSorted((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0))

    const answer = resolve(catalogOf(entries), request(wanted))
    expect(resolve(catalogOf(shuffled), request(wanted))).toEqual(answer)
    expect(resolve(catalogOf(entries.toReversed()), request(wanted))).toEqual(answer)
    if (answer.kind === 'solved') solved += 1
  })
  fc.assert(property, { numRuns: 120 })

  expect(solved).toBeGreaterThan(12)
})
