/**
 * Ephemerals: names without packages, of which only ranges exist (`.feature-2`).
 *
 * Invariant: among the points given for some sets there is one in an intersection of those sets
 * exactly when that intersection is not empty.
 */
import type { VersionSet } from '#model/index.ts'

/**
 * Keys of versions, highest first: one at each bound, and one in each gap between them. Keys count
 * as dense, as in the algebra of sets; a gap's key is the bound below it and a character that sorts
 * before all that keys are made of, so it lies above that bound and below every longer version.
 */
export function ephemeralPoints(sets: readonly VersionSet[]): readonly string[] {
  const bounds = new Set<string>([''])
  for (const { intervals } of sets)
    for (const { lower, upper } of intervals)
      for (const bound of [lower, upper]) if (bound) bounds.add(bound.version.key)
  return [...bounds]
    .sort()
    .toReversed()
    .flatMap((key) => [`${key}\u0001`, key])
}
