/**
 * An image as one file that `docker load` and `podman load` read.
 *
 * Source: moby image/spec v1.2, "Combined Image JSON + Filesystem Changeset Format".
 */
import type { BlobStore } from '#store/index.ts'
import type { BakedImage } from './bake.ts'

export interface ArchiveOptions {
  readonly path: string
  /** `NAME:TAG`s that the image gets when it is loaded. */
  readonly tags: readonly string[]
  readonly blobs: BlobStore
  readonly signal?: AbortSignal | undefined
}

/** Writes the archive, whole or not at all; layers lie in it uncompressed. */
export function writeDockerArchive(
  image: BakedImage,
  options: ArchiveOptions,
): Promise<{ readonly sizeBytes: number }> {
  throw new Error(`not yet ${options.path} ${image.digest}`)
}
