/** Blobs as files of an OCI image layout. */
import type { BlobStore } from './blobs.ts'

/** Blobs in `dir`/blobs/ALGORITHM/HEX. */
export function diskBlobs(dir: string): BlobStore {
  throw new Error(dir)
}
