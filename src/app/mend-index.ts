/**
 * The index of the store: whether it can be read, and making it anew from the builds in the store.
 *
 * Not here: blobs and files (`#store`). Tags that are no builds' cannot be found again.
 */
import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, type Digest, explained, limits, readAll } from '#kernel/index.ts'
import { buildArtifactType } from '#model/index.ts'
import { type ParsedManifest, parseManifest, subjectOf } from '#oci/index.ts'
import { buildTag, readBuild } from './builds.ts'
import type { World } from './world.ts'

/**
 * The name of the index when it cannot be read. With `repair` it is moved to `HOME/corrupt`, and a
 * new one lists every build in the store and what hangs on it.
 * @throws AppError `kernel/read-only`, `kernel/no-space`
 */
export async function verifyIndex(
  world: World,
  options: { readonly repair: boolean },
): Promise<string | undefined> {
  try {
    world.layout.roots()
    return undefined
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'oci/bad-layout') throw error
  }
  if (options.repair) {
    const { home } = world.context
    try {
      mkdirSync(join(home, 'corrupt'), { recursive: true })
      renameSync(join(home, 'index.json'), join(home, 'corrupt', 'index.json'))
    } catch (error) {
      throw explained(error, home)
    }
    await listBuilds(world)
  }
  return 'index.json'
}

async function listBuilds(world: World): Promise<void> {
  const { blobs } = world.store
  for await (const { digest, sizeBytes } of blobs.list()) {
    const manifest =
      sizeBytes > limits.manifestBytesMax ? undefined : await manifestOf(world, digest)
    if (manifest === undefined) continue
    const { mediaType, artifactType } = manifest.manifest
    const descriptor = {
      mediaType: mediaType ?? 'application/vnd.oci.image.manifest.v1+json',
      digest,
      size: sizeBytes,
      ...(artifactType === undefined ? {} : { artifactType }),
    }
    const subject = subjectOf(manifest)
    if (subject !== undefined) await world.layout.keep(descriptor, subject.digest)
    if (artifactType !== buildArtifactType) continue
    const build = await readBuild(world, digest)
    if (build === undefined) continue
    await world.layout.tag(`${build.config.name}:${buildTag(build.config)}`, descriptor)
  }
}

async function manifestOf(
  world: World,
  digest: Digest,
): Promise<Extract<ParsedManifest, { kind: 'manifest' }> | undefined> {
  try {
    const bytes = await readAll(world.store.blobs.read(digest), limits.manifestBytesMax, digest)
    const parsed = parseManifest(bytes, undefined, digest)
    return parsed.kind === 'manifest' ? parsed : undefined
  } catch (error) {
    if (error instanceof AppError) return undefined // Most blobs are no manifests.
    throw error
  }
}
