import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { anyVersionOf, runs, setOf } from './versions.fixture.ts'
import { parseRange } from './range.ts'
import type { Scheme } from './version.ts'
import {
  anyVersion,
  complementOf,
  contains,
  differenceOf,
  equalSets,
  intersectionOf,
  intersects,
  isAnySet,
  isBoundedAbove,
  isEmptySet,
  isSubset,
  namesPrerelease,
  noVersion,
  unionOf,
  type VersionSet,
} from './version-set.ts'

const schemes: readonly Scheme[] = ['native', 'rez']

/** Bounds are where operations go wrong, so they are probed besides versions at random. */
function probes(...sets: readonly VersionSet[]) {
  return sets.flatMap(({ intervals }) =>
    intervals.flatMap(({ lower, upper }) =>
      [lower, upper].flatMap((bound) => bound?.version ?? []),
    ),
  )
}

describe.each(schemes)('sets of versions, %s', (scheme) => {
  const set = setOf(scheme)
  const version = anyVersionOf(scheme)

  test('operations agree with membership, version by version', () => {
    const property = fc.property(set, set, fc.array(version), (a, b, more) => {
      const results = {
        union: unionOf(a, b),
        intersection: intersectionOf(a, b),
        complement: complementOf(a),
        difference: differenceOf(a, b),
      }
      for (const probe of [...probes(a, b), ...more]) {
        const [inA, inB] = [contains(a, probe), contains(b, probe)]
        expect({
          union: contains(results.union, probe),
          intersection: contains(results.intersection, probe),
          complement: contains(results.complement, probe),
          difference: contains(results.difference, probe),
        }).toEqual({
          union: inA || inB,
          intersection: inA && inB,
          complement: !inA,
          difference: inA && !inB,
        })
      }
    })
    fc.assert(property, runs)
  })

  test('laws of the algebra', () => {
    const property = fc.property(set, set, set, (a, b, c) => {
      const same = (left: VersionSet, right: VersionSet) => {
        expect(equalSets(left, right)).toBe(true)
        expect(left.intervals.length).toBe(right.intervals.length)
      }
      same(complementOf(complementOf(a)), a)
      same(unionOf(a, b), unionOf(b, a))
      same(intersectionOf(a, b), intersectionOf(b, a))
      same(unionOf(a, unionOf(b, c)), unionOf(unionOf(a, b), c))
      same(intersectionOf(a, intersectionOf(b, c)), intersectionOf(intersectionOf(a, b), c))
      same(complementOf(unionOf(a, b)), intersectionOf(complementOf(a), complementOf(b)))
      same(intersectionOf(a, unionOf(b, c)), unionOf(intersectionOf(a, b), intersectionOf(a, c)))
      same(unionOf(a, intersectionOf(a, b)), a)
      same(unionOf(a, complementOf(a)), anyVersion)
      same(intersectionOf(a, complementOf(a)), noVersion)
      expect(isSubset(intersectionOf(a, b), a)).toBe(true)
      expect(isSubset(a, b)).toBe(equalSets(unionOf(a, b), b))
      expect(intersects(a, b)).toBe(!isEmptySet(intersectionOf(a, b)))
    })
    fc.assert(property, runs)
  })
})

test.each([
  ['*', false],
  ['>=3', false],
  ['!=3', false],
  ['3 | >=5', false],
  ['3', true],
  ['==3', true],
  ['<4', true],
  ['<=4', true],
  ['>=3,<4', true],
  ['3..4', true],
])('%s is bounded above: %p', (range, expected) => {
  expect(isBoundedAbove(parseRange(range))).toBe(expected)
})

test('the empty set is bounded above, and it is not any version', () => {
  expect([isBoundedAbove(noVersion), isAnySet(noVersion), isAnySet(anyVersion)]).toEqual([
    true,
    false,
    true,
  ])
})

test.each([
  ['>=3.2.0-rc1', true],
  ['<2.0-beta', true],
  ['==1.0rc1', true],
  ['>=3.2', false],
  ['*', false],
])('%s names a pre-release: %p', (range, expected) => {
  expect(namesPrerelease(parseRange(range))).toBe(expected)
})
