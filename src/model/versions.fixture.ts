/**
 * Generators of versions, ranges and lockfiles for property tests.
 */
import * as fc from 'fast-check'
import { parseVersion, type Scheme, type Version } from './version.ts'
import { type Interval, made, type VersionSet, versionSet } from './version-set.ts'

const run = fc.oneof(
  fc.constantFrom('0', '1', '2', '3', '9', '10', '00', '01', '002', '30', '2024'),
  fc.constantFrom('a', 'A', '_', 'b', 'rc', 'beta', 'alpha', 'dev', 'pre', 'RC', 'x', 'p_'),
)
const token = fc.array(run, { minLength: 1, maxLength: 3 }).map((runs) => runs.join(''))

/** Texts of versions with all that is awkward: padding, letters, pre-release words. */
export const versionText = fc
  .array(fc.tuple(token, fc.constantFrom('.', '-')), { minLength: 1, maxLength: 4 })
  .map((parts) =>
    parts
      .map(([word, separator]) => word + separator)
      .join('')
      .slice(0, -1),
  )

export function anyVersionOf(scheme: Scheme): fc.Arbitrary<Version> {
  return versionText.map((text) => parseVersion(text, scheme))
}

function intervalOf(scheme: Scheme): fc.Arbitrary<Interval> {
  const bound = fc.option(fc.record({ version: anyVersionOf(scheme), inclusive: fc.boolean() }), {
    nil: undefined,
    freq: 4,
  })
  return fc.tuple(bound, bound).map(([lower, upper]) => made(lower, upper))
}

/** Sets of up to five intervals, empty and touching ones among them before they are merged. */
export function setOf(scheme: Scheme): fc.Arbitrary<VersionSet> {
  return fc.array(intervalOf(scheme), { maxLength: 5 }).map(versionSet)
}

/** Keeps the seed in the message of a property that fails. */
export const runs = { numRuns: 400, verbose: 1 } as const
