/**
 * What an image stands on: nothing, an image in a local OCI layout, or one in a registry.
 *
 * Invariant: a loaded base is of the wanted target and has one diff id for each layer.
 * Source: OCI image-spec 1.1, image-index.md for how a platform is chosen.
 */
import { AppError, type Bytes, type Digest, digestOf, limits, readAll } from '#kernel/index.ts'
import type { Target } from '#model/index.ts'
import {
  type Descriptor,
  type ImageConfig,
  type Layout,
  mediaTypes,
  parseImageConfig,
  parseManifest,
  parseReference,
  type RegistryClient,
  type RepositoryRef,
} from '#oci/index.ts'
import { platformOf } from './config.ts'

export type Base =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'layout'; readonly layout: Layout; readonly name: string }
  | { readonly kind: 'registry'; readonly client: RegistryClient; readonly reference: string }

/** A repository of a registry: `127.0.0.1:5000` and `vfx/imath`. */
export type RegistryPlace = RepositoryRef

export interface LoadedBase {
  readonly layers: readonly Descriptor[]
  readonly config: ImageConfig | undefined
  /** Of the base's manifest for this target; undefined for scratch. */
  readonly digest: Digest | undefined
  /** How the base was called. */
  readonly name: string | undefined
  /** Where its layers come from. */
  readonly from: Base
}

/** The base that is nothing. */
export const scratch: LoadedBase = {
  layers: [],
  config: undefined,
  digest: undefined,
  name: undefined,
  from: { kind: 'scratch' },
}

/**
 * Reads manifest and configuration of a base for one target.
 * @throws AppError `image/bad-base`, and what the layout or the registry throws
 */
export async function loadBase(base: Base, target: Target): Promise<LoadedBase> {
  if (base.kind === 'scratch') return scratch
  const name = base.kind === 'layout' ? base.name : base.reference
  const top = await topManifest(base, target)
  const chosen = await manifestFor(base, top, { target, name })
  const config = await readConfig(base, chosen.manifest.config, name)
  const wanted = platformOf(target)
  if (config.os !== wanted.os || config.architecture !== wanted.architecture)
    throw badBase(name, `is for ${config.os}/${config.architecture}, not for ${target}`)
  if (config.rootfs.diff_ids.length !== chosen.manifest.layers.length)
    throw badBase(name, 'has another number of layers than its configuration says')
  const layers = chosen.manifest.layers.map(ociLayer)
  return { layers, config, digest: chosen.digest, name, from: base }
}

/**
 * Which of these layers the base has already on its top, with nothing but such layers over them.
 * There they can stay: builds of one environment bring no path twice, so their order says nothing.
 * Once more, engines would keep them twice, since they know a layer by all that is below it.
 */
export function layersOnTop(base: LoadedBase, layers: Iterable<Digest>): ReadonlySet<Digest> {
  const wanted = new Set(layers)
  const below = base.layers.findLastIndex(({ digest }) => !wanted.has(digest))
  return new Set(base.layers.slice(below + 1).map(({ digest }) => digest))
}

/** The bytes of a layer of the base, from `start`. */
export function readBaseLayer(base: Base, layer: Descriptor, start = 0): Bytes {
  switch (base.kind) {
    case 'scratch':
      throw new TypeError('Broken invariant: nothing has no layers')
    case 'layout':
      return readLayout(base, layer, start)
    case 'registry': {
      const range = start === 0 ? {} : { range: { start, end: layer.size } }
      return base.client.pullBlob(parseReference(base.reference), layer, range)
    }
  }
}

type RealBase = Exclude<Base, { kind: 'scratch' }>

/** A blob of a layout from `start`. What is wrong with it is the layout's fault, not the store's. */
async function* readLayout(
  { layout, name }: Extract<Base, { kind: 'layout' }>,
  { digest, size }: Descriptor,
  start = 0,
): Bytes {
  try {
    yield* layout.blobs.read(digest, start === 0 ? undefined : { start, end: size })
  } catch (error) {
    const fault = error instanceof AppError ? faults[error.code] : undefined
    if (fault === undefined) throw error
    throw badBase(name, `${fault} ${digest} in the layout ${layout.dir}`, [
      'Copy the image there again, for example by `skopeo copy FROM oci:FOLDER:TAG`.',
    ])
  }
}

const faults: Readonly<Record<string, string>> = {
  'store/blob-unknown': 'lacks',
  'store/digest-mismatch': 'has other bytes than its name says for',
}

interface Found {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly digest: Digest
}

async function topManifest(base: RealBase, target: Target): Promise<Found> {
  if (base.kind === 'registry') return base.client.pullManifest(parseReference(base.reference))
  const { layout, name } = base
  const roots = layout.roots()
  const names = layout.tags().map((tag) => tag.name)
  const descriptor =
    layout.resolve(name) ??
    roots.find(({ digest }) => digest === name) ??
    (names.length === 0 ? imageFor(target, roots) : undefined)
  if (descriptor === undefined) {
    throw badBase(name, `is not in the layout ${layout.dir}`, [
      names.length === 0 ? 'Nothing in it has a tag.' : `It holds: ${names.join(', ')}.`,
    ])
  }
  return readManifest(base, descriptor, base.name)
}

async function readManifest(base: RealBase, wanted: Descriptor, name: string): Promise<Found> {
  if (base.kind === 'layout') {
    const chunks = readLayout(base, wanted)
    const bytes = await readAll(chunks, limits.manifestBytesMax, `Manifest of ${name}`)
    return { bytes, mediaType: wanted.mediaType, digest: digestOf(bytes) }
  }
  const { registry, repository } = parseReference(base.reference)
  return base.client.pullManifest({ registry, repository, digest: wanted.digest })
}

/** Follows an index to the manifest of the target. */
async function manifestFor(
  base: RealBase,
  found: Found,
  want: { readonly target: Target; readonly name: string },
) {
  const parsed = parseManifest(found.bytes, found.mediaType, want.name)
  if (parsed.kind === 'manifest') return { manifest: parsed.manifest, digest: found.digest }
  const child = imageFor(want.target, parsed.index.manifests)
  if (child === undefined) throw badBase(want.name, `has no image for ${want.target}`)
  const inner = await readManifest(base, child, want.name)
  const image = parseManifest(inner.bytes, inner.mediaType, want.name)
  if (image.kind === 'index') throw badBase(want.name, 'is an index of indexes')
  return { manifest: image.manifest, digest: inner.digest }
}

/** The first for a target, of an index or of a layout, which is one. */
function imageFor(target: Target, entries: readonly Descriptor[]): Descriptor | undefined {
  const { os, architecture } = platformOf(target)
  return entries.find(
    ({ platform }) => platform?.os === os && platform.architecture === architecture,
  )
}

async function readConfig(base: RealBase, wanted: Descriptor, name: string): Promise<ImageConfig> {
  const isImage =
    wanted.mediaType === mediaTypes.config || wanted.mediaType === mediaTypes.dockerConfig
  if (!isImage) throw badBase(name, `is no image (its configuration is ${wanted.mediaType})`)
  const chunks =
    base.kind === 'layout'
      ? readLayout(base, wanted)
      : base.client.pullBlob(parseReference(base.reference), wanted)
  const bytes = await readAll(chunks, limits.configBytesMax, `Configuration of ${name}`)
  return parseImageConfig(bytes, `Configuration of ${name}`)
}

/** Docker's layer types have OCI names that mean the same bytes. */
function ociLayer(layer: Descriptor): Descriptor {
  const same: Readonly<Record<string, string>> = {
    [mediaTypes.dockerLayerGzip]: mediaTypes.layerGzip,
    'application/vnd.docker.image.rootfs.diff.tar': mediaTypes.layerTar,
    'application/vnd.docker.image.rootfs.diff.tar.zstd': mediaTypes.layerZstd,
  }
  return { ...layer, mediaType: same[layer.mediaType] ?? layer.mediaType }
}

const anyBase = ['docs/images.md tells what an image can stand on.']

function badBase(name: string, what: string, hints: readonly string[] = anyBase): AppError {
  return new AppError('image/bad-base', `The base ${name} ${what}`, { hints })
}
