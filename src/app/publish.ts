/**
 * Sending builds to a registry, and the catalogs that list them there.
 *
 * Invariant: a catalog names a build only after the build is whole in the registry. Of two
 * publishers at once none loses a line where the registry knows conditional writes, as ours does;
 * elsewhere the builds are there, and `catalog rebuild` lists them again.
 */
import { type BuildEntry, catalogMediaTypes, encodeCatalog } from '#catalog/index.ts'
import { AppError, type Digest, digestOf, limits, one, readAll } from '#kernel/index.ts'
import {
  buildArtifactType,
  buildConfigMediaType,
  isRegistry,
  parseBuildConfig,
  parseVersion,
} from '#model/index.ts'
import {
  childrenOf,
  type Descriptor,
  emptyBlob,
  mediaTypes,
  parseManifest,
  parseReference,
  type Reference,
  transfer,
} from '#oci/index.ts'
import { atWork } from './at-work.ts'
import { buildTag, bringBuild, entryOf, type StoredBuild } from './builds.ts'
import { pullCatalog } from './catalogs.ts'
import { lockEnvironment, lockOptions } from './lock.ts'
import type { OpenProject } from './project.ts'
import type { EnvironmentChoice, PublishResult } from './results.ts'
import { notInEnvironment, unsolvableError } from './refusals.ts'
import { lastPublished, rememberPublished } from './published.ts'
import { asTask } from './task.ts'
import type { World } from './world.ts'

type PublishOptions = EnvironmentChoice & {
  readonly packages?: readonly string[]
  readonly to?: string | undefined
}

/** Publishes the builds of an environment with their SBOMs and provenance. */
export async function publishEnvironment(
  world: World,
  at: OpenProject,
  options: PublishOptions,
): Promise<PublishResult> {
  using _present = atWork(world.context.home)
  const startMs = world.context.clock.nowMs()
  const registry = options.to ?? at.project.registry
  if (registry === undefined)
    throw new AppError('cli/usage', 'There is no registry to publish to', {
      hints: ['Give `--to HOST/NAMESPACE`, or write `registry:` in backlot.yaml.'],
    })
  if (!isRegistry(registry))
    throw new AppError('oci/bad-reference', `'${registry}' is not a registry to publish to`, {
      hints: ['Write HOST[:PORT][/NAMESPACE], without a scheme or a tag: ghcr.io/org/vfx.'],
    })
  const builds = await buildsToPublish(world, at, options)
  const packages: PublishResult['packages'][number][] = []
  for (const build of builds) {
    const outcome = await publishBuild(world, registry, build)
    await addToCatalog(world, registry, build)
    const { name, version } = build.config
    const reference = `${registry}/${name}:${buildTag(build.config)}`
    packages.push({ name, version, reference, build: build.manifest, outcome })
  }
  const { blobBytesSent, manifestBytesSent } = world.client.traffic()
  const sentBytes = blobBytesSent + manifestBytesSent
  return { registry, packages, sentBytes, durationMs: world.context.clock.nowMs() - startMs }
}

async function buildsToPublish(
  world: World,
  at: OpenProject,
  options: PublishOptions,
): Promise<readonly StoredBuild[]> {
  const locked = await lockEnvironment(world, at, lockOptions(options))
  if (locked.kind === 'unsolvable') throw unsolvableError(locked.why)
  const names = options.packages ?? []
  const known = new Map(locked.at.packages.map((entry) => [entry.name, entry]))
  for (const name of names) {
    const found = known.get(name)
    if (found === undefined) throw notInEnvironment(name, [...known.keys()])
    if (found.kind === 'system')
      throw new AppError('cli/not-in-environment', `${name} comes with the system`, {
        hints: ['Only builds are published; `backlot list` shows which there are.'],
      })
  }
  const builds: StoredBuild[] = []
  for (const entry of locked.at.packages) {
    const { kind, name, version } = entry
    if (kind === 'system' || (names.length > 0 && !names.includes(name))) continue
    if (entry.kind === 'recipe')
      throw new AppError('cli/not-built', `${name} ${version} is not built yet`, {
        hints: ['`backlot build` builds it.'],
      })
    const wanted = { name, version, manifest: entry.build }
    builds.push(await bringBuild(world, wanted, at.project.registry))
  }
  return builds
}

async function publishBuild(
  world: World,
  registry: string,
  build: StoredBuild,
): Promise<'pushed' | 'existed'> {
  const { name, version } = build.config
  const { emit, clock, signal } = world.context
  const tag = buildTag(build.config)
  const reference = parseReference(`${registry}/${name}:${tag}`)
  const there = await world.client.resolve(reference)
  if (there?.digest !== build.manifest) {
    const base = await baseLayer(world, reference, build)
    const label = `${name} ${version}`
    await asTask({ emit, clock, task: `publish ${name}`, label, phase: 'push' }, (inner) =>
      transfer({
        from: { kind: 'layout', layout: world.layout },
        to: { kind: 'registry', client: world.client, repository: reference },
        reference: build.manifest,
        tags: [tag],
        referrers: true,
        baseOf: ({ digest }) => (digest === build.layer.digest ? base : undefined),
        emit: inner,
        signal,
      }),
    )
  }
  const { registry: host, repository } = reference
  const layer = build.layer.digest
  rememberPublished(world.context.home, { registry: host, repository, layer })
  if (there?.digest !== build.manifest) return 'pushed'
  return (await mendBlobs(world, reference, build)) ? 'pushed' : 'existed'
}

/** The layer that went there before this one, if it is here: the two are mostly the same. */
async function baseLayer(
  { context, store }: World,
  { registry, repository }: Reference,
  { layer }: StoredBuild,
): Promise<Descriptor | undefined> {
  const digest = lastPublished(context.home, { registry, repository, than: layer.digest })
  const size = digest === undefined ? undefined : await store.blobs.size(digest)
  return digest === undefined || size === undefined
    ? undefined
    : { mediaType: layer.mediaType, digest, size }
}

/** Sends blobs again that the registry lost since it took the manifest; whether there were any. */
async function mendBlobs(world: World, to: Reference, build: StoredBuild): Promise<boolean> {
  const { blobs } = world.store
  const { signal } = world.context
  const bytes = await readAll(blobs.read(build.manifest), limits.manifestBytesMax, build.manifest)
  const parsed = parseManifest(bytes, undefined, build.manifest)
  let mended = false
  for (const blob of parsed.kind === 'manifest' ? childrenOf(parsed) : []) {
    if ((await world.client.blobSize(to, blob.digest)) === blob.size) continue
    const read = (start: number) => blobs.read(blob.digest, { start, end: blob.size })
    await world.client.pushBlob(to, blob, { read }, { signal })
    mended = true
  }
  return mended
}

/** Adds a line to the catalog, again when another publisher was faster. */
async function addToCatalog(world: World, registry: string, build: StoredBuild): Promise<void> {
  const { name } = build.config
  for (let attempt = 1; ; attempt += 1) {
    const listed = await pullCatalog(world, registry, name)
    const builds = listed?.builds ?? []
    if (builds.some((entry) => entry.manifest === build.manifest)) return
    try {
      const replaces = listed?.digest ?? 'absent'
      const next = [...builds, entryOf(build, registry)]
      return await writeCatalog(world, { registry, name, replaces }, next)
    } catch (error) {
      const moved = error instanceof AppError && error.code === 'oci/tag-moved'
      if (!moved || attempt >= catalogAttemptsMax) throw error
    }
  }
}

const catalogAttemptsMax = 50

/** Writes a package's catalog artifact: one layer, tagged `catalog`. */
async function writeCatalog(
  world: World,
  at: {
    readonly registry: string
    readonly name: string
    /** The catalog that this one takes the place of. */
    readonly replaces: Digest | 'absent'
  },
  builds: readonly BuildEntry[],
): Promise<void> {
  const { registry, name, replaces } = at
  const repository = parseReference(`${registry}/${name}:catalog`)
  const content = encodeCatalog(name, builds)
  const layer = {
    mediaType: catalogMediaTypes.layer,
    digest: digestOf(content),
    size: content.length,
  }
  const push = async (blob: { digest: Digest; size: number }, bytes: Uint8Array) =>
    await world.client.pushBlob(repository, blob, { read: (start) => one(bytes.subarray(start)) })
  await push(layer, content)
  await push(emptyBlob.descriptor, emptyBlob.bytes)
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: catalogMediaTypes.artifact,
    config: emptyBlob.descriptor,
    layers: [layer],
  }
  await world.client.pushManifest(repository, {
    mediaType: mediaTypes.manifest,
    bytes: new TextEncoder().encode(JSON.stringify(manifest)),
    tag: 'catalog',
    replaces,
  })
}

/** Lists anew every build that a repository holds. */
export async function rebuildCatalog(
  world: World,
  text: string,
): Promise<{ readonly builds: number }> {
  const reference = parseReference(`${text}:catalog`)
  const slash = text.lastIndexOf('/')
  const registry = text.slice(0, slash)
  const name = text.slice(slash + 1)
  const builds: BuildEntry[] = []
  for (const tag of await world.client.tags(reference)) {
    if (tag === 'catalog') continue
    const found = await remoteBuild(world, { ...reference, tag }, registry)
    if (found !== undefined && !builds.some((build) => build.manifest === found.manifest))
      builds.push(found)
  }
  const before = await world.client.resolve(reference)
  if (before === undefined && builds.length === 0)
    throw new AppError('cli/unknown-package', `${text} holds no builds`, {
      hints: ['Check the spelling; `backlot publish` puts builds into a registry.'],
    })
  const replaces = before?.digest ?? 'absent'
  await writeCatalog(world, { registry, name, replaces }, builds)
  return { builds: builds.length }
}

async function remoteBuild(
  world: World,
  reference: Reference,
  registry: string,
): Promise<BuildEntry | undefined> {
  const { bytes, mediaType, digest } = await world.client.pullManifest(reference)
  const parsed = parseManifest(bytes, mediaType, digest)
  if (parsed.kind !== 'manifest' || parsed.manifest.artifactType !== buildArtifactType)
    return undefined
  const { config, layers } = parsed.manifest
  const [layer] = layers
  if (config.mediaType !== buildConfigMediaType || layer === undefined) return undefined
  const blob = world.client.pullBlob(reference, config, { signal: world.context.signal })
  const text = await readAll(blob, limits.configBytesMax, config.digest)
  const facts = parseBuildConfig(text, `the config of ${digest}`)
  return {
    kind: 'build',
    name: facts.name,
    version: parseVersion(facts.version),
    config: facts,
    manifest: digest,
    layer: { digest: layer.digest, size: layer.size },
    origin: registry,
  }
}
