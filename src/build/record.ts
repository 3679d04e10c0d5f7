/**
 * Builds in the store: written as OCI manifests, found again by name, version and id.
 *
 * Invariant: the tag is written last, when config, layer and manifest are durable; so a build that
 * is found is whole, and a crash before leaves only blobs that collection removes.
 * Source: OCI image-spec 1.1, manifest.md, "Guidelines for Artifact Usage".
 */
import { canonicalJson, type Digest, limits, one, readAll } from '#kernel/index.ts'
import {
  type BuildConfig,
  buildArtifactType,
  buildConfigMediaType,
  parseBuildConfig,
} from '#model/index.ts'
import { type Descriptor, emptyBlob, mediaTypes, openLayout, parseManifest } from '#oci/index.ts'
import type { LayerDescriptor, Store } from '#store/index.ts'
import { provenanceMediaType } from './provenance.ts'
import type { BuildResult } from './request.ts'
import { sbomMediaType } from './sbom.ts'

/** What names a build. */
export interface BuildName {
  readonly name: string
  readonly version: string
  readonly buildId: string
}

export type FoundBuild = Pick<BuildResult, 'manifest' | 'manifestSize' | 'config' | 'layer'>

/** The tag of a build in the store: `imath:3.1.6-0123456789ab`. */
export function buildTag({ name, version, buildId }: BuildName): string {
  return `${name}:${version}-${buildId.slice(0, 12)}`
}

/** A finished build; undefined when there is none, or its blobs are gone. */
export async function findBuild(store: Store, build: BuildName): Promise<FoundBuild | undefined> {
  const descriptor = openLayout(store.home, store.blobs).resolve(buildTag(build))
  if (descriptor === undefined) return undefined
  const found = await readBuild(store, descriptor)
  return found?.config.buildId === build.buildId ? found : undefined
}

/** Every build whose tag begins with the name, newest tags in no order. */
export async function findBuilds(store: Store, name: string): Promise<FoundBuild[]> {
  const tags = openLayout(store.home, store.blobs).tags()
  const found = await Promise.all(
    tags
      .filter((tag) => tag.name.startsWith(`${name}:`))
      .map(({ descriptor }) => readBuild(store, descriptor)),
  )
  return found.filter((build) => build !== undefined)
}

async function readBuild(store: Store, descriptor: Descriptor): Promise<FoundBuild | undefined> {
  const { blobs } = store
  if ((await blobs.size(descriptor.digest)) === undefined) return undefined
  const bytes = await readAll(blobs.read(descriptor.digest), limits.manifestBytesMax, 'Manifest')
  const parsed = parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest}`)
  if (parsed.kind !== 'manifest' || parsed.manifest.artifactType !== buildArtifactType)
    return undefined
  const { config, layers } = parsed.manifest
  const [layer] = layers
  if (layer === undefined || (await blobs.size(layer.digest)) !== layer.size) return undefined
  if ((await blobs.size(config.digest)) === undefined) return undefined
  const text = await readAll(blobs.read(config.digest), limits.configBytesMax, 'Build config')
  return {
    manifest: descriptor.digest,
    manifestSize: bytes.byteLength,
    config: parseBuildConfig(text, `config ${config.digest}`),
    layer: {
      mediaType: layer.mediaType,
      digest: layer.digest,
      size: layer.size,
      annotations: layer.annotations ?? {},
    },
  }
}

export interface BuildRecord {
  readonly config: BuildConfig
  readonly layer: LayerDescriptor
  readonly sbom: unknown
  /** Made when the manifest's digest is known. */
  readonly provenance: (manifest: Digest) => unknown
}

/** Writes config, manifest, SBOM and provenance, then the tag. */
export async function recordBuild(
  store: Store,
  record: BuildRecord,
): Promise<{ manifest: Digest; manifestSize: number }> {
  const { config, layer } = record
  const configBlob = await writeJson(store, config, limits.configBytesMax)
  const manifest = await writeManifest(store, buildArtifactType, {
    config: { mediaType: buildConfigMediaType, ...configBlob },
    layers: [layer],
    annotations: {
      'org.opencontainers.image.title': config.name,
      'org.opencontainers.image.version': config.version,
      'org.opencontainers.image.licenses': config.license,
      'org.opencontainers.image.created': new Date(config.epoch * 1000).toISOString(),
    },
  })
  const layout = openLayout(store.home, store.blobs)
  const attached = await Promise.all([
    attach(store, manifest, sbomMediaType, record.sbom),
    attach(store, manifest, provenanceMediaType, record.provenance(manifest.digest)),
  ])
  for (const descriptor of attached) await layout.keep(descriptor, manifest.digest)
  await layout.tag(buildTag(config), manifest)
  return { manifest: manifest.digest, manifestSize: manifest.size }
}

/** A document that hangs on a manifest as an OCI referrer. */
async function attach(
  store: Store,
  subject: Descriptor,
  artifactType: string,
  document: unknown,
): Promise<Descriptor> {
  const layer = await writeJson(store, document, limits.configBytesMax)
  await store.blobs.write(one(emptyBlob.bytes), {
    digest: emptyBlob.descriptor.digest,
    maxBytes: emptyBlob.bytes.byteLength,
  })
  const { mediaType, digest, size } = subject
  return await writeManifest(store, artifactType, {
    config: emptyBlob.descriptor,
    layers: [{ mediaType: artifactType, ...layer }],
    subject: { mediaType, digest, size },
  })
}

async function writeManifest(
  store: Store,
  artifactType: string,
  members: Readonly<Record<string, unknown>>,
): Promise<Descriptor> {
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, artifactType, ...members }
  const blob = await writeJson(store, manifest, limits.manifestBytesMax)
  return { mediaType: mediaTypes.manifest, ...blob, artifactType }
}

async function writeJson(store: Store, value: unknown, maxBytes: number) {
  const bytes = new TextEncoder().encode(canonicalJson(value))
  const { digest, sizeBytes } = await store.blobs.write(one(bytes), { maxBytes })
  return { digest, size: sizeBytes }
}
