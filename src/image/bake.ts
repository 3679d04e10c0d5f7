/**
 * From locked builds to an image: manifest and configuration, and the few layers that are merged.
 *
 * Invariant: builds are layers as they are; nothing is unpacked unless the layer limit asks for it.
 * Not here: bringing the image somewhere (`publish.ts`, `archive.ts`).
 */
import { canonicalJson, type Digest, digestOf, type Emit } from '#kernel/index.ts'
import type { Target } from '#model/index.ts'
import { type Descriptor, mediaTypes } from '#oci/index.ts'
import type { Store } from '#store/index.ts'
import { type Base, layersOnTop, type LoadedBase, type RegistryPlace } from './base.ts'
import { imageConfig, type ImageSettings, type LayerHistory } from './config.ts'
import { planLayers } from './group.ts'
import { mergeLayers } from './merge.ts'

/** One build of the environment. */
export interface ImagePackage {
  readonly name: string
  readonly version: string
  /** Digest of the build's manifest. */
  readonly build: Digest
  readonly layer: Descriptor
  /** Digest of the uncompressed layer. */
  readonly diffId: Digest
  /** Where the build was published, if it was: its blobs can be mounted from there. */
  readonly publishedAt?: RegistryPlace
}

export interface BakeRequest {
  /** In dependency order: what others need comes first. */
  readonly packages: readonly ImagePackage[]
  readonly base: LoadedBase
  readonly target: Target
  readonly settings: ImageSettings
  /** Seconds since 1970: `created` of the image (SOURCE_DATE_EPOCH). */
  readonly epochSeconds: number
  /** Default 127. */
  readonly layerCountMax?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly emit?: Emit | undefined
}

export interface BakedImage {
  readonly target: Target
  /** Of the manifest. */
  readonly digest: Digest
  readonly manifest: Uint8Array
  readonly config: Uint8Array
  readonly configDigest: Digest
  /** In the order in which they lie on each other; those of the base come first. */
  readonly layers: readonly BakedLayer[]
  /** Names of the packages that share a layer; empty below the limit. */
  readonly merged: readonly (readonly string[])[]
}

export interface BakedLayer {
  readonly descriptor: Descriptor
  readonly diffId: Digest
  /** Where its bytes are. */
  readonly source: { readonly kind: 'base'; readonly base: Base } | { readonly kind: 'store' }
  readonly publishedAt?: RegistryPlace
}

/**
 * Makes the image, from what the base does not have on its top yet. Layers of builds need not be in
 * the store, unless some have to be merged.
 * @throws AppError `image/too-many-layers`, `image/bad-setting`, `store/blob-unknown`
 */
export async function bakeImage(store: Store, request: BakeRequest): Promise<BakedImage> {
  const { base } = request
  const there = layersOnTop(
    base,
    request.packages.map((one) => one.layer.digest),
  )
  const packages = request.packages.filter((one) => !there.has(one.layer.digest))
  const groups = planLayers(
    packages.map((one) => one.layer.size),
    { baseLayers: base.layers.length, layerCountMax: request.layerCountMax },
  ).map((group) => group.flatMap((index) => packages[index] ?? []))
  const own: { readonly layer: BakedLayer; readonly history: LayerHistory }[] = []
  for (const group of groups) {
    const layer = await groupLayer(store, group, request)
    const createdBy = `backlot: ${group.map((one) => `${one.name} ${one.version}`).join(', ')}`
    own.push({ layer, history: { diffId: layer.diffId, createdBy } })
  }
  const config = imageConfig({
    base: base.config,
    layers: own.map(({ history }) => history),
    target: request.target,
    settings: request.settings,
    epochSeconds: request.epochSeconds,
  })
  const layers = [...baseLayers(base), ...own.map(({ layer }) => layer)]
  const manifest = imageManifest(config, layers, request)
  return {
    target: request.target,
    digest: digestOf(manifest),
    manifest,
    config,
    configDigest: digestOf(config),
    layers,
    merged: groups.filter((group) => group.length > 1).map((group) => group.map((p) => p.name)),
  }
}

function baseLayers(base: LoadedBase): readonly BakedLayer[] {
  return base.layers.flatMap((descriptor, index) => {
    const diffId = base.config?.rootfs.diff_ids[index]
    return diffId ? [{ descriptor, diffId, source: { kind: 'base', base: base.from } }] : []
  })
}

async function groupLayer(
  store: Store,
  group: readonly ImagePackage[],
  request: BakeRequest,
): Promise<BakedLayer> {
  const [first] = group
  if (group.length > 1 || first === undefined) return mergedLayer(store, group, request)
  return {
    descriptor: traced(first.layer, [first]),
    diffId: first.diffId,
    source: { kind: 'store' },
    ...(first.publishedAt === undefined ? {} : { publishedAt: first.publishedAt }),
  }
}

async function mergedLayer(
  store: Store,
  group: readonly ImagePackage[],
  request: BakeRequest,
): Promise<BakedLayer> {
  const { signal, emit, epochSeconds } = request
  const { descriptor, diffId } = await mergeLayers(store, group, { signal, emit, epochSeconds })
  return { descriptor: traced(descriptor, group), diffId, source: { kind: 'store' } }
}

/** The descriptor with annotations that lead from the layer to its builds. */
function traced(layer: Descriptor, group: readonly ImagePackage[]): Descriptor {
  return {
    mediaType: layer.mediaType,
    digest: layer.digest,
    size: layer.size,
    annotations: {
      ...layer.annotations,
      'dev.backlot.packages': group.map((one) => `${one.name}@${one.version}`).join(','),
      'dev.backlot.builds': group.map((one) => one.build).join(','),
    },
  }
}

function imageManifest(
  config: Uint8Array,
  layers: readonly BakedLayer[],
  request: BakeRequest,
): Uint8Array {
  const { base } = request
  const created = new Date(request.epochSeconds * 1000).toISOString().replace('.000Z', 'Z')
  const value = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: {
      mediaType: mediaTypes.config,
      digest: digestOf(config),
      size: config.byteLength,
    },
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: {
      'org.opencontainers.image.created': created,
      ...(base.digest === undefined ? {} : { 'org.opencontainers.image.base.digest': base.digest }),
      ...(base.name === undefined ? {} : { 'org.opencontainers.image.base.name': base.name }),
    },
  }
  return new TextEncoder().encode(canonicalJson(value))
}
