/**
 * Images into an OCI layout or a registry, moving only the bytes that are not there.
 *
 * Invariant: a tag moves after everything it names is in place.
 * Source: OCI distribution-spec 1.1, "Push", "Mounting a blob from another repository".
 */
import {
  AppError,
  canonicalJson,
  type Digest,
  digestOf,
  one,
  throwIfCancelled,
} from '#kernel/index.ts'
import {
  type BlobPushOutcome,
  type Descriptor,
  type Layout,
  mediaTypes,
  parseReference,
  type RegistryClient,
  type RepositoryRef,
} from '#oci/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { BakedImage, BakedLayer } from './bake.ts'
import { readBaseLayer } from './base.ts'
import { platformOf } from './config.ts'

export interface ImageTransfer {
  /** Of the manifest, or of the index. */
  readonly digest: Digest
  /** Layer bytes that were copied or sent. */
  readonly payloadBytes: number
  /** Layers by what happened to them. */
  readonly existed: number
  readonly mounted: number
  readonly copied: number
}

export interface LayoutPlace {
  readonly layout: Layout
  /** Where the layers of builds are: the local store's blobs. */
  readonly from: BlobStore
  readonly tag: string
  readonly signal?: AbortSignal | undefined
}

export interface RegistryTarget {
  readonly client: RegistryClient
  /** `REGISTRY/REPOSITORY:TAG`. */
  readonly reference: string
  readonly from: BlobStore
  readonly signal?: AbortSignal | undefined
}

const parallelLayers = 6

/** Writes an image to a layout folder and tags it. */
export function imageToLayout(image: BakedImage, place: LayoutPlace): Promise<ImageTransfer> {
  return indexToLayout([image], place)
}

/** Sends an image to a registry: blobs that are there or can be mounted cost no payload byte. */
export function imageToRegistry(image: BakedImage, target: RegistryTarget): Promise<ImageTransfer> {
  return indexToRegistry([image], target)
}

/** Several targets under one tag; with one image, the image itself is tagged. */
export async function indexToLayout(
  images: readonly BakedImage[],
  place: LayoutPlace,
): Promise<ImageTransfer> {
  const { blobs } = place.layout
  const outcomes = await eachLayer(images, place.signal, async (layer) => {
    const { digest, size } = layer.descriptor
    if ((await blobs.size(digest)) !== undefined) return 'existed'
    await blobs.write(layerBytes(layer, place.from, 0), { digest, maxBytes: size })
    return 'uploaded'
  })
  for (const image of images) {
    await write(blobs, image.config)
    await write(blobs, image.manifest)
  }
  const top = topOf(images)
  await write(blobs, top.bytes)
  const { mediaType } = top
  const descriptor = { mediaType, digest: digestOf(top.bytes), size: top.bytes.byteLength }
  await place.layout.tag(place.tag, descriptor)
  return summary(descriptor.digest, outcomes)
}

/**
 * Several targets under one tag; with one image, the image itself is tagged.
 * @throws AppError `image/bad-setting` without a tag; what the registry client throws
 */
export async function indexToRegistry(
  images: readonly BakedImage[],
  target: RegistryTarget,
): Promise<ImageTransfer> {
  const { client, from, signal } = target
  const to = parseReference(target.reference)
  if (to.digest !== undefined)
    throw new AppError('image/bad-setting', `'${target.reference}' names a digest, not a tag`, {
      hints: ['The digest of an image follows from its content; name a tag.'],
    })
  const repository: RepositoryRef = { registry: to.registry, repository: to.repository }
  const abort = signal === undefined ? {} : { signal }
  const outcomes = await eachLayer(images, signal, (layer, stop) => {
    const source = { read: (start: number) => layerBytes(layer, from, start) }
    const mountFrom = mountPlace(layer, repository)
    const mount = mountFrom === undefined ? {} : { mountFrom }
    return client.pushBlob(repository, layer.descriptor, source, { signal: stop, ...mount })
  })
  for (const image of images) {
    const config = { digest: image.configDigest, size: image.config.byteLength }
    await client.pushBlob(
      repository,
      config,
      { read: (at) => one(image.config.subarray(at)) },
      abort,
    )
  }
  if (images.length > 1)
    for (const { manifest } of images)
      await client.pushManifest(repository, { mediaType: mediaTypes.manifest, bytes: manifest })
  const top = topOf(images)
  const digest = await client.pushManifest(repository, { ...top, tag: to.tag ?? 'latest' })
  return summary(digest, outcomes)
}

/** Another repository on the same registry that has the layer. */
function mountPlace(layer: BakedLayer, to: RepositoryRef): string | undefined {
  const place =
    layer.source.kind === 'base' && layer.source.base.kind === 'registry'
      ? parseReference(layer.source.base.reference)
      : layer.publishedAt
  const usable = place?.registry === to.registry && place.repository !== to.repository
  return usable ? place.repository : undefined
}

function layerBytes(layer: BakedLayer, store: BlobStore, start: number) {
  const { descriptor, source } = layer
  if (source.kind === 'base') return readBaseLayer(source.base, descriptor, start)
  const range = start === 0 ? undefined : { start, end: descriptor.size }
  return store.read(descriptor.digest, range)
}

type Outcome = { readonly outcome: BlobPushOutcome; readonly layer: Descriptor }

/**
 * Does something for each different layer, a few at a time. The first failure stops the others;
 * it is thrown when they have ended, so that none of them leaves half a file behind.
 */
async function eachLayer(
  images: readonly BakedImage[],
  signal: AbortSignal | undefined,
  act: (layer: BakedLayer, signal: AbortSignal) => Promise<BlobPushOutcome>,
): Promise<readonly Outcome[]> {
  const different = new Map(
    images.flatMap((image) => image.layers).map((layer) => [layer.descriptor.digest, layer]),
  )
  const left = different.values()
  const outcomes: Outcome[] = []
  const failed = new AbortController()
  const either = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])])
  const worker = async (): Promise<void> => {
    try {
      for (const layer of left) {
        throwIfCancelled(signal, 'Publishing the image')
        if (failed.signal.aborted) return
        outcomes.push({ outcome: await act(layer, either), layer: layer.descriptor })
      }
    } catch (error) {
      if (!failed.signal.aborted) failed.abort(error)
    }
  }
  await Promise.all(Array.from({ length: parallelLayers }, worker))
  if (failed.signal.aborted) throw failed.signal.reason
  return outcomes
}

/** What the tag names: the image, or an index over several in the order of their targets. */
function topOf(images: readonly BakedImage[]): { mediaType: string; bytes: Uint8Array } {
  const [only] = images
  if (only !== undefined && images.length === 1)
    return { mediaType: mediaTypes.manifest, bytes: only.manifest }
  const manifests = [...images]
    .sort((a, b) => (a.target < b.target ? -1 : 1))
    .map((image) => ({
      mediaType: mediaTypes.manifest,
      digest: image.digest,
      size: image.manifest.byteLength,
      platform: platformOf(image.target),
    }))
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
  return { mediaType: mediaTypes.index, bytes: new TextEncoder().encode(canonicalJson(index)) }
}

async function write(blobs: BlobStore, bytes: Uint8Array): Promise<void> {
  await blobs.write(one(bytes), { digest: digestOf(bytes), maxBytes: bytes.byteLength })
}

function summary(digest: Digest, outcomes: readonly Outcome[]): ImageTransfer {
  const of = (wanted: BlobPushOutcome): readonly Outcome[] =>
    outcomes.filter(({ outcome }) => outcome === wanted)
  return {
    digest,
    payloadBytes: of('uploaded').reduce((sum, { layer }) => sum + layer.size, 0),
    existed: of('existed').length,
    mounted: of('mounted').length,
    copied: of('uploaded').length,
  }
}
