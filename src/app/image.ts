/**
 * An environment as an image: in a registry, a layout folder or a docker archive.
 */
import {
  bakeImage,
  type BakedImage,
  type Base,
  imageToLayout,
  imageToRegistry,
  type ImagePackage,
  layersOnTop,
  loadBase,
  type LoadedBase,
  planLayers,
  writeDockerArchive,
} from '#image/index.ts'
import { AppError, type Digest } from '#kernel/index.ts'
import { openLayout, parseReference, type RepositoryRef, transfer } from '#oci/index.ts'
import { type BlobStore, diskBlobs } from '#store/index.ts'
import { atWork } from './at-work.ts'
import { bringBuild, describeBuild } from './builds.ts'
import { lockEnvironment, lockOptions, type Locked } from './lock.ts'
import { type NamedPlace, openPlace, parsePlace, placeToRead, placeToWrite } from './place.ts'
import type { OpenProject } from './project.ts'
import { publishedLayers } from './published.ts'
import type { ImageBuildOptions, ImageBuildResult, TransferResult } from './results.ts'
import { unsolvableError } from './refusals.ts'
import { asTask } from './task.ts'
import type { World } from './world.ts'

/** Bakes an environment and puts the image where `to` says. */
export async function buildImage(
  world: World,
  at: OpenProject,
  options: ImageBuildOptions,
): Promise<ImageBuildResult> {
  using _present = atWork(world.context.home)
  const startMs = world.context.clock.nowMs()
  const place = placeToWrite(options.to, world.context.cwd)
  const locked = await lockEnvironment(world, at, lockOptions(options))
  if (locked.kind === 'unsolvable') throw unsolvableError(locked.why)
  const base = await loadBase(baseOf(world, options.base ?? 'scratch'), locked.target)
  const needsLayer = place.kind === 'registry' ? mergedLayers(locked, base) : () => true
  const { packages, epochSeconds, from } = await imagePackages(world, at, {
    locked,
    place,
    needsLayer,
  })
  const { signal, emit } = world.context
  const image = await bakeImage(world.store, {
    packages,
    base,
    target: locked.target,
    settings: settingsOf(locked, options),
    epochSeconds,
    signal,
    emit,
  })
  const sentPayloadBytes = await put(world, image, { place, from })
  return {
    reference: options.to,
    digest: image.digest,
    layers: image.layers.length,
    sizeBytes: image.layers.reduce((sum, layer) => sum + layer.descriptor.size, 0),
    sentPayloadBytes,
    durationMs: world.context.clock.nowMs() - startMs,
  }
}

/** Which layers have to be merged with others, for which their files are needed. */
function mergedLayers(locked: Locked, base: LoadedBase): (layer: Digest) => boolean {
  const builds = locked.at.packages.filter((one) => one.kind === 'build')
  const there = layersOnTop(
    base,
    builds.map(({ layer }) => layer),
  )
  const added = builds.filter(({ layer }) => !there.has(layer))
  const sizes = added.map(({ size }) => size)
  const groups = planLayers(sizes, { baseLayers: base.layers.length })
  const shared = groups.filter((group) => group.length > 1).flat()
  const merged = new Set(shared.map((position) => added[position]?.layer))
  return (layer) => merged.has(layer)
}

interface ImagePackages {
  readonly packages: readonly ImagePackage[]
  readonly epochSeconds: number
  /** Where the layers can be read: in the store, else in the project's registry. */
  readonly from: BlobStore
}

async function imagePackages(
  world: World,
  at: OpenProject,
  input: {
    readonly locked: Locked
    readonly place: NamedPlace
    readonly needsLayer: (layer: Digest) => boolean
  },
): Promise<ImagePackages> {
  const { locked, place, needsLayer } = input
  const { registry } = at.project
  const host = place.kind === 'registry' ? place.reference.registry : undefined
  const elsewhere = new Map<Digest, { readonly at: RepositoryRef; readonly size: number }>()
  const packages: ImagePackage[] = []
  let epochSeconds = 0
  for (const one of locked.at.packages) {
    const { name, version } = one
    if (one.kind === 'recipe')
      throw new AppError('cli/not-built', `${name} ${version} is not built yet`, {
        hints: ['`backlot build` builds it.'],
      })
    if (one.kind === 'system') continue
    const wanted = { name, version, manifest: one.build, layer: one.layer }
    const build = await describeBuild(world, wanted, registry)
    const { layer, config } = build
    epochSeconds = Math.max(epochSeconds, config.epoch)
    if (!build.here && needsLayer(one.layer)) await bringBuild(world, wanted, registry)
    else if (!build.here && registry !== undefined)
      elsewhere.set(layer.digest, { at: parseReference(`${registry}/${name}`), size: layer.size })
    const repository =
      host === undefined
        ? undefined
        : publishedOn(world, host, { layer: layer.digest, there: elsewhere.get(layer.digest)?.at })
    packages.push({
      name,
      version,
      build: one.build,
      layer: { ...layer, annotations: { ...layer.annotations } },
      diffId: config.diffId,
      ...(host === undefined || repository === undefined
        ? {}
        : { publishedAt: { registry: host, repository } }),
    })
  }
  return { packages, epochSeconds, from: orRegistry(world, elsewhere) }
}

/** The repository of a registry that has the layer, as far as is known. */
function publishedOn(
  world: World,
  host: string,
  { layer, there }: { readonly layer: Digest; readonly there: RepositoryRef | undefined },
): string | undefined {
  if (there?.registry === host) return there.repository
  return publishedLayers(world.context.home, host)[layer]
}

/** The store's blobs, and those layers that are in a registry only. */
function orRegistry(
  world: World,
  elsewhere: ReadonlyMap<Digest, { readonly at: RepositoryRef; readonly size: number }>,
): BlobStore {
  const { blobs } = world.store
  const { signal } = world.context
  return {
    ...blobs,
    size: async (digest) => elsewhere.get(digest)?.size ?? (await blobs.size(digest)),
    read: (digest, range) => {
      const found = elsewhere.get(digest)
      if (found === undefined) return blobs.read(digest, range)
      const options = range === undefined ? { signal } : { signal, range }
      return world.client.pullBlob(found.at, { digest, size: found.size }, options)
    },
  }
}

function settingsOf(locked: Locked, options: ImageBuildOptions) {
  const { labels, entrypoint, command, user, workdir } = options
  const variables = { ...locked.environment.variables, ...options.variables }
  return {
    environment: Object.fromEntries(
      Object.entries(variables).map(([key, value]) => [key, withPrefix(value)]),
    ),
    ...(labels === undefined ? {} : { labels }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(command === undefined ? {} : { command }),
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workingDirectory: workdir }),
  }
}

/** In an image the files lie at the prefix itself. */
function withPrefix(value: string): string {
  return value.replaceAll('${prefix}', '/usr/local')
}

function baseOf(world: World, text: string): Base {
  if (text === 'scratch') return { kind: 'scratch' }
  const place = placeToRead(text, world.context.cwd)
  if (place.kind === 'registry')
    return { kind: 'registry', client: world.client, reference: place.text }
  if (place.kind === 'docker-archive')
    throw new AppError('cli/bad-place', 'An image cannot stand on a docker archive', {
      hints: ['`skopeo copy docker-archive:FILE oci:FOLDER:TAG` makes a layout of it.'],
    })
  const blobs = diskBlobs(place.folder)
  return { kind: 'layout', layout: openLayout(place.folder, blobs), name: place.tag }
}

/** Writes the image; gives the layer bytes that had to be moved. */
async function put(
  world: World,
  image: BakedImage,
  { place, from }: { readonly place: NamedPlace; readonly from: BlobStore },
): Promise<number> {
  const { signal } = world.context
  switch (place.kind) {
    case 'registry': {
      const { client } = world
      return (await imageToRegistry(image, { client, reference: place.text, from, signal }))
        .payloadBytes
    }
    case 'layout': {
      const layout = openLayout(place.folder, diskBlobs(place.folder))
      const { payloadBytes } = await imageToLayout(image, { layout, from, tag: place.tag, signal })
      return payloadBytes
    }
    case 'docker-archive': {
      const { path, tags } = place
      return (await writeDockerArchive(image, { path, tags, from, signal })).sizeBytes
    }
  }
}

/** Copies an image or a build between registries and layouts, with what hangs on it. */
export async function copyImage(
  world: World,
  options: { readonly from: string; readonly to: string },
): Promise<TransferResult> {
  const { cwd, clock, emit, signal } = world.context
  const startMs = clock.nowMs()
  const from = openPlace(world, placeToRead(options.from, cwd))
  const to = openPlace(world, parsePlace(options.to, cwd))
  const named = { emit, clock, task: 'copy', label: options.from, phase: 'copy' }
  const report = await asTask(named, (inner) =>
    transfer({
      from: from.at,
      to: to.at,
      reference: from.name,
      tags: to.name.includes(':') ? [] : [to.name],
      referrers: true,
      emit: inner,
      signal,
    }),
  )
  const { blobBytesSent, blobBytesReceived } = world.client.traffic()
  return {
    reference: options.to,
    digest: report.descriptor.digest,
    sentBytes: blobBytesSent,
    receivedBytes: blobBytesReceived,
    durationMs: clock.nowMs() - startMs,
  }
}
