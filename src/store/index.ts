/**
 * The store: blobs and files by digest, layers in and out, views by hard link, collection, checks.
 *
 * Not here: manifests, tags and transport (`#oci`), activation of a view (`#env`).
 * Formats: docs/formats/store.md and docs/formats/layer.md.
 */
export {
  type BlobInfo,
  type BlobRange,
  type BlobStore,
  type BlobWant,
  memoryBlobs,
} from './blobs.ts'
export { collect, type CollectOptions, type CollectReport } from './collect.ts'
export { diskBlobs } from './disk-blobs.ts'
export { type BlobFault, faultyBlobs, mulberry32, SimulatedCrash } from './faulty-blobs.ts'
export { foldCase } from './name-case.ts'
export { packLayer, type PackOptions } from './pack.ts'
export { type Bucket, type BucketPlace, openBucket, type Part } from './s3/bucket.ts'
export { blobKey, partBytesOf, s3Blobs } from './s3/s3-blobs.ts'
export { openStore, type Store } from './store.ts'
export {
  hasTree,
  type LayerDescriptor,
  type LayerTree,
  type PackedLayer,
  readTree,
  type TreeEntry,
} from './tree.ts'
export { type LayerLimits, unpackLayer, type UnpackInput, type UnpackOptions } from './unpack.ts'
export { sweepViews } from './sweep-views.ts'
export { verifyStore, type VerifyReport } from './verify.ts'
export { reserveLinkedView } from './view-note.ts'
export { linkView, materialise, type View, viewOf, type ViewOptions } from './view.ts'
