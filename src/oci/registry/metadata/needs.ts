/**
 * What a repository lacks of what a manifest needs; both drivers ask in the transaction that puts
 * it.
 *
 * A blob of another size than the manifest says could not be pulled by anybody: clients compare.
 */
import type { Digest } from '#kernel/index.ts'
import type { ManifestWrite, WriteOutcome } from './contract.ts'

/** Why a blob does not do; undefined when it does. @param hereBytes Its size here, if it is here. */
export function lackOf(
  { sizes }: ManifestWrite,
  digest: Digest,
  hereBytes: number | undefined,
): WriteOutcome | undefined {
  if (hereBytes === undefined) return { kind: 'missing', digest }
  const wanted = sizes?.get(digest)
  if (wanted === undefined || wanted === hereBytes) return undefined
  return { kind: 'other-size', digest, sizeBytes: hereBytes }
}
