/**
 * The store's home folder and what is where in it.
 *
 * An OCI image layout (oci-layout, index.json by `#oci`, blobs/) with files/, trees/, views/, tmp/,
 * corrupt/ beside the blobs. Format: docs/formats/store.md.
 */
import type { BlobStore } from './blobs.ts'
import { diskBlobs } from './disk-blobs.ts'

/** A home folder, open for reading and, where it can be, for writing. */
export interface Store {
  readonly home: string
  readonly blobs: BlobStore
}

/** Opens a home; nothing is written until something is stored, so a read-only home can be read. */
export function openStore(home: string): Store {
  return { home, blobs: diskBlobs(home) }
}
