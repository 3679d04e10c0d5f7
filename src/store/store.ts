/** The store's folder and what is where in it. */
import { type BlobStore } from './blobs.ts'
import { diskBlobs } from './disk-blobs.ts'

/** A home folder: an OCI image layout, with files, trees and views beside the blobs. */
export interface Store {
  readonly home: string
  readonly blobs: BlobStore
}

/** Opens a home; nothing is written until something is stored, so a read-only home can be read. */
export function openStore(home: string): Store {
  return { home, blobs: diskBlobs(home) }
}
