/**
 * Environments as OCI images: a base, one layer per build, a configuration.
 *
 * Invariant: equal input gives equal bytes; no payload byte of a build is unpacked or sent twice
 * (only merged layers, past the layer limit, are written anew).
 * Source: OCI image-spec 1.1; docker image load format (moby image/spec v1.2).
 * Not here: SIF, and how builds come to be.
 */
export {
  type BakedImage,
  type BakeRequest,
  type BakedLayer,
  bakeImage,
  type ImagePackage,
} from './bake.ts'
export {
  type Base,
  layersOnTop,
  loadBase,
  type LoadedBase,
  type RegistryPlace,
  scratch,
} from './base.ts'
export { type ImageSettings, platformOf } from './config.ts'
export { type ArchiveOptions, writeDockerArchive } from './archive.ts'
export { type GroupOptions, type LayerGroup, layerCountMax, planLayers } from './group.ts'
export {
  type ImageTransfer,
  type LayoutPlace,
  type RegistryTarget,
  indexToLayout,
  indexToRegistry,
  imageToLayout,
  imageToRegistry,
} from './publish.ts'
