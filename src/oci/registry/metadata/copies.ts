/**
 * Which copy of a blob counts, as rules without a database: both drivers ask them in a transaction.
 *
 * Invariant: one digest has one generation at a time, and a generation that was let go of is not
 * filled again while there is a tombstone of it.
 */
import type { BlobPlace, LinkOutcome, PlaceToFill, StoredCopy } from './contract.ts'

/** What is stored of a digest. */
export interface KnownCopy extends BlobPlace {
  readonly damagedMs: number | null
}

/** Where a copy goes: to the one that is there and good, else to the first that is free. */
export function placeFor(
  stored: KnownCopy | undefined,
  tombstones: readonly Pick<BlobPlace, 'generation'>[],
): PlaceToFill {
  if (stored !== undefined && stored.damagedMs === null)
    return { kind: 'stored', generation: stored.generation, sizeBytes: stored.sizeBytes }
  const taken = new Set(tombstones.map(({ generation }) => generation))
  if (stored !== undefined) taken.add(stored.generation)
  let generation = 0
  while (taken.has(generation)) generation += 1
  return { kind: 'empty', generation }
}

/** What has to be written down when a copy is linked. */
export interface Linking {
  readonly outcome: LinkOutcome
  /** The copy that is let go of. */
  readonly condemned: number | undefined
  /** Whether the new copy becomes the one that counts. */
  readonly counts: boolean
}

/** Whether a copy may be linked, of which `stored` is known and which has no tombstone. */
export function linkingOf(
  { isNew, generation }: StoredCopy,
  stored: KnownCopy | undefined,
): Linking {
  const isHere = stored?.generation === generation
  const isGood = stored !== undefined && stored.damagedMs === null
  if (!isNew && !(isHere && isGood))
    return { outcome: { kind: 'condemned' }, condemned: undefined, counts: false }
  // A damaged copy gives way to the new one; a good one elsewhere makes the new one superfluous.
  const gone = stored === undefined || isHere ? undefined : isGood ? generation : stored.generation
  const kind = gone === generation ? 'elsewhere' : 'linked'
  return { outcome: { kind }, condemned: gone, counts: isHere || !isGood }
}
