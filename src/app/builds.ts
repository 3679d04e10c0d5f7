/**
 * Builds in the local store: which there are, what they say, and bringing one here.
 *
 * Invariant: a build counts as here when manifest, config and layer are in the store; it is then
 * also a root of the layout, so that collection keeps it.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildEntry, type BuildIndex, openBuildIndex } from '#catalog/index.ts'
import { AppError, type Digest, limits, readAll } from '#kernel/index.ts'
import {
  type BuildConfig,
  buildArtifactType,
  parseBuildConfig,
  parseVersion,
} from '#model/index.ts'
import { parseManifest, parseReference, transfer } from '#oci/index.ts'
import { hasTree, type LayerDescriptor, unpackLayer } from '#store/index.ts'
import { rememberPublished } from './published.ts'
import { asTask } from './task.ts'
import type { World } from './world.ts'

/** A build whose manifest, config and layer are in the store. */
export interface StoredBuild {
  readonly manifest: Digest
  readonly config: BuildConfig
  readonly layer: LayerDescriptor
}

/** The tag of a build, in the local layout behind its name and in a registry alone. */
export function buildTag(config: Pick<BuildConfig, 'version' | 'buildId'>): string {
  const version = config.version.replaceAll(/[^A-Za-z0-9._-]/g, '_')
  return `${version}-${config.buildId.slice(0, 12)}`
}

/** The builds of the local store, from the index that remembers them. */
export async function localBuilds(world: World): Promise<BuildIndex> {
  const { layout } = world
  return await openBuildIndex(shelfOf(world), {
    stamp: layout.stamp(),
    manifests: () =>
      layout
        .roots()
        .filter((root) => (root.artifactType ?? buildArtifactType) === buildArtifactType)
        .map((root) => root.digest),
    read: async (manifest) => {
      const build = await readBuild(world, manifest)
      return build === undefined ? undefined : entryOf(build, 'local')
    },
  })
}

function shelfOf({ context }: World): string {
  return join(context.home, 'builds.shelf')
}

/** Has the store asked anew which builds it has: parts of one are gone, the layout lists it still. */
export function forgetLocalBuilds(world: World): void {
  try {
    rmSync(shelfOf(world), { force: true })
  } catch {
    // In a store that cannot be written nothing could be made in its place.
  }
}

/** A stored build as the catalog lists it. */
export function entryOf(build: StoredBuild, origin: string): BuildEntry {
  return {
    kind: 'build',
    name: build.config.name,
    version: parseVersion(build.config.version),
    config: build.config,
    manifest: build.manifest,
    layer: { digest: build.layer.digest, size: build.layer.size },
    origin,
  }
}

/** A build in the store; undefined when a part of it is missing or the manifest is of no build. */
export async function readBuild(world: World, manifest: Digest): Promise<StoredBuild | undefined> {
  const { blobs } = world.store
  const size = await blobs.size(manifest)
  if (size === undefined || size > limits.manifestBytesMax) return undefined
  const bytes = await readAll(blobs.read(manifest), limits.manifestBytesMax, manifest)
  const parts = buildParts(manifest, bytes)
  if (parts === undefined) return undefined
  const { config, layer } = parts
  if ((await blobs.size(config.digest)) === undefined) return undefined
  if ((await blobs.size(layer.digest)) === undefined) return undefined
  const text = await readAll(blobs.read(config.digest), limits.configBytesMax, config.digest)
  return { manifest, config: parseBuildConfig(text, `the config of ${manifest}`), layer }
}

/** What the manifest of a build names; undefined when it is of something else. */
function buildParts(manifest: Digest, bytes: Uint8Array) {
  const parsed = parseManifest(bytes, undefined, manifest)
  if (parsed.kind !== 'manifest' || parsed.manifest.artifactType !== buildArtifactType)
    return undefined
  const { config, layers } = parsed.manifest
  const [layer] = layers
  if (layer === undefined || layers.length !== 1) return undefined
  const { mediaType, digest, size, annotations = {} } = layer
  return { config, layer: { mediaType, digest, size, annotations } }
}

/** Where a build can be had from when the store lacks it. */
export interface WantedBuild {
  readonly name: string
  readonly version: string
  readonly manifest: Digest
  /** What a lockfile says its layer is. */
  readonly layer?: Digest
}

/**
 * The build from the store, else from the registry, unpacked and ready to be linked.
 * @throws AppError `cli/not-built` when neither has it, `model/bad-lockfile` when it has another
 *   layer than the lockfile says.
 */
export async function bringBuild(
  world: World,
  wanted: WantedBuild,
  registry: string | undefined,
): Promise<StoredBuild & { readonly fetched: boolean }> {
  const here = await readBuild(world, wanted.manifest)
  const build = here ?? (await fetchBuild(world, wanted, registry))
  checkLayer(wanted, build)
  if (!hasTree(world.store, build.layer.digest)) await unpack(world, build)
  return { ...build, fetched: here === undefined }
}

/**
 * What a build is, from the store or the registry; its layer stays where it is.
 * @throws AppError `cli/not-built`, `model/bad-lockfile` as `bringBuild`
 */
export async function describeBuild(
  world: World,
  wanted: WantedBuild,
  registry: string | undefined,
): Promise<StoredBuild & { readonly here: boolean }> {
  const here = await readBuild(world, wanted.manifest)
  const build = here ?? (await askForBuild(world, wanted, registry))
  checkLayer(wanted, build)
  return { ...build, here: here !== undefined }
}

async function askForBuild(
  world: World,
  wanted: WantedBuild,
  registry: string | undefined,
): Promise<StoredBuild> {
  const { name, manifest } = wanted
  if (registry === undefined) throw notBuilt(wanted, noRegistry)
  const at = parseReference(`${registry}/${name}@${manifest}`)
  try {
    const { bytes } = await world.client.pullManifest(at)
    const parts = buildParts(manifest, bytes)
    if (parts === undefined) throw notBuilt(wanted, `what ${registry} has is not a build`)
    const { config, layer } = parts
    const { signal } = world.context
    const chunks = world.client.pullBlob(at, config, { signal })
    const text = await readAll(chunks, limits.configBytesMax, config.digest)
    return { manifest, config: parseBuildConfig(text, `the config of ${manifest}`), layer }
  } catch (error) {
    throw notHad(wanted, registry, error)
  }
}

function checkLayer({ name, version, layer }: WantedBuild, build: StoredBuild): void {
  const has = build.layer.digest
  if (layer === undefined || layer === has) return
  throw new AppError(
    'model/bad-lockfile',
    `The lockfile says that ${name} ${version} is the layer ${layer}, but its build has ${has}`,
    { hints: ['`backlot lock --update` writes the lockfile anew.'] },
  )
}

async function unpack(world: World, build: StoredBuild): Promise<void> {
  await unpackLayer(
    world.store,
    {
      digest: build.layer.digest,
      size: build.layer.size,
      annotations: build.layer.annotations,
      diffId: build.config.diffId,
    },
    { signal: world.context.signal },
  )
}

async function fetchBuild(
  world: World,
  wanted: WantedBuild,
  registry: string | undefined,
): Promise<StoredBuild> {
  const { name, version, manifest } = wanted
  if (registry === undefined) throw notBuilt(wanted, noRegistry)
  const { emit, clock, signal } = world.context
  const label = `${name} ${version}`
  const repository = parseReference(`${registry}/${name}@${manifest}`)
  try {
    const named = { emit, clock, task: `fetch ${name}`, label, phase: 'fetch' }
    const report = await asTask(named, (inner) =>
      transfer({
        from: { kind: 'registry', client: world.client, repository },
        to: { kind: 'layout', layout: world.layout },
        reference: manifest,
        emit: inner,
        signal,
      }),
    )
    const build = await readBuild(world, manifest)
    if (build === undefined) throw notBuilt(wanted, `what ${registry} has is not a build`)
    await world.layout.tag(`${name}:${buildTag(build.config)}`, report.descriptor)
    const { registry: host, repository: path } = repository
    const layer = build.layer.digest
    rememberPublished(world.context.home, { registry: host, repository: path, layer })
    return build
  } catch (error) {
    throw notHad(wanted, registry, error)
  }
}

const noRegistry = 'backlot.yaml names no registry to get it from'

/** Why a registry did not give a build. One that is away for a moment does not unlock anything. */
function notHad(wanted: WantedBuild, registry: string, error: unknown): unknown {
  if (!(error instanceof AppError)) return error
  if (error.code.endsWith('-unknown'))
    return notBuilt(wanted, `${registry} does not have it`, error)
  if (error.code !== 'oci/unreachable') return error
  const hint = 'Or take `registry:` out of backlot.yaml: what has a recipe is then built here.'
  const hints = [...error.hints, hint]
  return new AppError(error.code, error.message, { hints, retryable: true, cause: error })
}

function notBuilt(wanted: WantedBuild, why: string, cause?: unknown): AppError {
  return new AppError(
    'cli/not-built',
    `${wanted.name} ${wanted.version} (${wanted.manifest.slice(0, 19)}) is not in the store, and ${why}`,
    {
      hints: [
        '`backlot build` makes it here, if there is a recipe for it.',
        'Or name the registry that has it under `registry:` in backlot.yaml.',
      ],
      cause,
    },
  )
}
