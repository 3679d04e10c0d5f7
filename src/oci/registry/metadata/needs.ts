/**
 * What is wrong with what a manifest needs or names; both drivers ask in the transaction that puts
 * it. Something of another size than the manifest says could not be pulled: clients compare.
 */
import type { Digest } from '#kernel/index.ts'
import type { ManifestWrite, WriteOutcome } from './contract.ts'

/** The first fault. @param bytesOf The size of a blob or a manifest that the repository has. */
export function faultOf(
  { needs, names, sizes }: ManifestWrite,
  bytesOf: {
    readonly blob: (digest: Digest) => number | undefined
    readonly manifest: (digest: Digest) => number | undefined
  },
): WriteOutcome | undefined {
  for (const digest of needs) {
    const sizeBytes = bytesOf.blob(digest)
    if (sizeBytes === undefined) return { kind: 'missing', digest }
    if ((sizes.get(digest) ?? sizeBytes) !== sizeBytes)
      return { kind: 'other-size', digest, sizeBytes }
  }
  for (const digest of names) {
    const said = sizes.get(digest)
    const sizeBytes = said === undefined ? undefined : bytesOf.manifest(digest)
    if (sizeBytes !== undefined && sizeBytes !== said)
      return { kind: 'other-size', digest, sizeBytes }
  }
  return undefined
}
