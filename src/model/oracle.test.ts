/** What Rez 3.4 answers, over test/data/version-cases.json. */
import { describe, expect, test } from 'bun:test'
import cases from '../../test/data/version-cases.json'
import { formatRange, parseRange } from './range.ts'
import { rezUnion } from './range-rez.ts'
import { formatRequirement, mergeRequirements, parseRequirement } from './requirement.ts'
import { compareVersions, parseVersion } from './version.ts'
import {
  complementOf,
  contains,
  differenceOf,
  intersectionOf,
  intersects,
  isEmptySet,
  isSubset,
  unionOf,
  type VersionSet,
} from './version-set.ts'

const rez = (text: string) => parseRange(text, 'rez')
/** The oracle's null is the empty set, which Rez has no text for. */
const text = (set: VersionSet) => (isEmptySet(set) ? null : formatRange(set, 'rez'))

test('the oracle is there, whole', () => {
  const { compare, ranges, range_ops, requirements, merge } = cases
  const lists = [compare, ranges, range_ops, requirements, merge]
  expect(lists.map((list) => list.length)).toEqual([1516, 627, 800, 21, 225])
})

describe('Rez', () => {
  test('compares versions', () => {
    const wrong = cases.compare.filter(([a, b, order]) => {
      const [left, right] = [parseVersion(String(a), 'rez'), parseVersion(String(b), 'rez')]
      const back = compareVersions(right, left)
      return compareVersions(left, right) !== order || back + order !== 0
    })
    expect(wrong.map((entry) => entry.join(' '))).toEqual([])
    expect(cases.compare.length).toBe(1516)
  })

  test.each(cases.ranges.map((entry) => [entry.range, entry] as const))('range %s', (_, entry) => {
    if (entry.error) {
      expect(() => rez(entry.range)).toThrow(/is not a range/)
      return
    }
    const set = rez(entry.range)
    const pool = cases.meta.pool.filter((version) => contains(set, parseVersion(version, 'rez')))
    expect({
      str: text(set),
      contains: pool,
      inverse: text(complementOf(set)),
    }).toEqual({
      str: entry.str ?? '',
      contains: entry.contains ?? [],
      inverse: entry.inverse ?? null,
    })
  })

  test.each(cases.range_ops)('operations on $a and $b', (entry) => {
    const [a, b] = [rez(entry.a), rez(entry.b)]
    expect({
      and: text(intersectionOf(a, b)),
      or: text({ intervals: rezUnion([...a.intervals, ...b.intervals]) }),
      sub: text(differenceOf(a, b)),
      intersects: intersects(a, b),
      a_superset_b: isSubset(b, a),
    }).toEqual({
      and: entry.and,
      or: entry.or,
      sub: entry.sub,
      intersects: entry.intersects,
      a_superset_b: entry.a_superset_b,
    })
  })

  test('unites ranges as the algebra does, but for the one it leaves in two pieces', () => {
    const differing = cases.range_ops.filter(({ a, b, or }) => text(unionOf(rez(a), rez(b))) !== or)
    expect(differing.map(({ a, b }) => `${a} and ${b}`)).toEqual(['>5_|>2-1<3 and 2-1..5_'])
  })

  test.each(cases.requirements)('requirement $req', (entry) => {
    const requirement = parseRequirement(entry.req, 'rez')
    const refusing = requirement.kind === 'weak'
    const range = text(refusing ? complementOf(requirement.versions) : requirement.versions)
    expect({
      str: formatRequirement(requirement, 'rez'),
      name: requirement.name,
      range,
      conflict: requirement.kind !== 'require',
      weak: requirement.kind === 'weak',
    }).toEqual({
      str: entry.str,
      name: entry.name,
      range: entry.range,
      conflict: entry.conflict,
      weak: entry.weak,
    })
  })

  test.each(cases.merge)('merge of $a and $b', (entry) => {
    const [a, b] = [parseRequirement(entry.a, 'rez'), parseRequirement(entry.b, 'rez')]
    const merged = mergeRequirements(a, b, 'rez')
    expect(merged?.text ?? null).toBe(entry.merged)
  })
})
