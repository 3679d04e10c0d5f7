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
  loadBase,
  writeDockerArchive,
} from '#image/index.ts'
import { AppError } from '#kernel/index.ts'
import { openLayout, transfer } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import { bringBuild, readBuild } from './builds.ts'
import { lockEnvironment, lockOptions, type Locked } from './lock.ts'
import { type NamedPlace, openPlace, parsePlace } from './place.ts'
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
  const startMs = world.context.clock.nowMs()
  const place = parsePlace(options.to, world.context.cwd)
  const locked = await lockEnvironment(world, at, lockOptions(options))
  if (locked.kind === 'unsolvable') throw unsolvableError(locked.why)
  const { packages, epochSeconds } = await imagePackages(world, at, { locked, place })
  const { signal, emit } = world.context
  const base = await loadBase(baseOf(world, options.base ?? 'scratch'), locked.target)
  const image = await bakeImage(world.store, {
    packages,
    base,
    target: locked.target,
    settings: settingsOf(locked, options),
    epochSeconds,
    signal,
    emit,
  })
  const sentPayloadBytes = await put(world, image, place)
  return {
    reference: options.to,
    digest: image.digest,
    layers: image.layers.length,
    sizeBytes: image.layers.reduce((sum, layer) => sum + layer.descriptor.size, 0),
    sentPayloadBytes,
    durationMs: world.context.clock.nowMs() - startMs,
  }
}

async function imagePackages(
  world: World,
  at: OpenProject,
  input: { readonly locked: Locked; readonly place: NamedPlace },
): Promise<{ readonly packages: readonly ImagePackage[]; readonly epochSeconds: number }> {
  const packages: ImagePackage[] = []
  const { locked, place } = input
  const host = place.kind === 'registry' ? place.reference.registry : undefined
  const known = host === undefined ? {} : publishedLayers(world.context.home, host)
  let epochSeconds = 0
  for (const one of locked.at.packages) {
    const { name, version } = one
    if (one.kind === 'recipe')
      throw new AppError('cli/not-built', `${name} ${version} is not built yet`, {
        hints: ['`backlot build` builds it.'],
      })
    if (one.kind === 'system') continue
    const here = await readBuild(world, one.build)
    const build =
      here ?? (await bringBuild(world, { name, version, manifest: one.build }, at.project.registry))
    epochSeconds = Math.max(epochSeconds, build.config.epoch)
    const { layer, config } = build
    const repository = known[layer.digest]
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
  return { packages, epochSeconds }
}

function settingsOf(locked: Locked, options: ImageBuildOptions) {
  const { labels, entrypoint, command, user, workdir } = options
  return {
    environment: { ...locked.environment.variables, ...options.variables },
    ...(labels === undefined ? {} : { labels }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(command === undefined ? {} : { command }),
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workingDirectory: workdir }),
  }
}

function baseOf(world: World, text: string): Base {
  if (text === 'scratch') return { kind: 'scratch' }
  const place = parsePlace(text, world.context.cwd)
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
async function put(world: World, image: BakedImage, place: NamedPlace): Promise<number> {
  const from = world.store.blobs
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
  const from = openPlace(world, parsePlace(options.from, cwd))
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
