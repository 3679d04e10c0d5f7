/**
 * The two kinds of place that content lies in, behind one shape: a layout and a repository.
 *
 * Invariant: `putBlob` and `putManifest` return when the content is durable at the place.
 */
import { AppError, type Bytes, type Digest, isDigest, limits, one, readAll } from '#kernel/index.ts'
import type {
  BlobPushOutcome,
  BlobSource,
  PulledManifest,
  PushBlobOptions,
  RegistryClient,
} from './client/contract.ts'
import type { Layout } from './layout.ts'
import type { RepositoryRef } from './reference.ts'
import { type Descriptor, parseManifest, subjectOf } from './schema.ts'

/** One side of a transfer. */
export type Place =
  | { readonly kind: 'layout'; readonly layout: Layout }
  | {
      readonly kind: 'registry'
      readonly client: RegistryClient
      readonly repository: RepositoryRef
    }

export interface Side {
  readonly place: Place
  /** @throws AppError `oci/manifest-unknown` */
  manifest(reference: string): Promise<PulledManifest>
  blob(descriptor: Descriptor): BlobSource
  referrers(subject: Digest): Promise<readonly Descriptor[]>
  /** Whether a manifest and all that it names is there, as far as one question tells. */
  complete(descriptor: Descriptor): Promise<boolean>
  putBlob(
    descriptor: Descriptor,
    source: BlobSource,
    options: {
      readonly mountFrom?: string | undefined
      readonly base?: PushBlobOptions['base'] | undefined
      readonly signal?: AbortSignal | undefined
    },
  ): Promise<BlobPushOutcome>
  putManifest(manifest: PulledManifest): Promise<void>
  /** Makes a manifest that was put a root: under tags, or without any. */
  root(manifest: PulledManifest, tags: readonly string[]): Promise<void>
}

export function sideOf(place: Place): Side {
  return place.kind === 'layout' ? layoutSide(place) : registrySide(place)
}

function layoutSide(place: Place & { readonly kind: 'layout' }): Side {
  const { layout } = place
  const { blobs } = layout
  return {
    place,
    manifest: async (reference) => {
      const descriptor = layout.resolve(reference) ?? (await byDigest(layout, reference))
      if (descriptor === undefined)
        throw new AppError('oci/manifest-unknown', `${layout.dir} has no manifest '${reference}'`)
      const { digest } = descriptor
      const bytes = await readAll(blobs.read(digest), limits.manifestBytesMax, `Manifest ${digest}`)
      const parsed = parseManifest(bytes, descriptor.mediaType, `Manifest ${digest}`)
      return { digest, mediaType: parsed.mediaType, bytes }
    },
    blob: (descriptor) => ({
      read: (start) => blobs.read(descriptor.digest, rest(descriptor, start)),
    }),
    referrers: (subject) => layout.referrers(subject),
    complete: async () => false,
    putBlob: async ({ digest, size }, source) => {
      if ((await blobs.size(digest)) === size) return 'existed'
      await blobs.write(source.read(0), { digest, maxBytes: size })
      return 'uploaded'
    },
    putManifest: async ({ digest, bytes }) => {
      await blobs.write(one(bytes), { digest, maxBytes: bytes.byteLength })
    },
    root: async (manifest, tags) => {
      const parsed = parseManifest(manifest.bytes, manifest.mediaType, manifest.digest)
      const descriptor = describe(manifest)
      if (tags.length > 0) await layout.tagAll(tags.map((name) => ({ name, descriptor })))
      else await layout.keep(descriptor, subjectOf(parsed)?.digest)
    },
  }
}

function registrySide(place: Place & { readonly kind: 'registry' }): Side {
  const { client, repository } = place
  return {
    place,
    manifest: (reference) =>
      client.pullManifest({
        ...repository,
        ...(isDigest(reference) ? { digest: reference } : { tag: reference }),
      }),
    blob: (descriptor) => ({
      read: (start) => {
        const range = rest(descriptor, start)
        return client.pullBlob(repository, descriptor, range === undefined ? {} : { range })
      },
    }),
    referrers: (subject) => client.referrers(repository, subject),
    complete: async ({ digest }) => (await client.resolve({ ...repository, digest })) !== undefined,
    putBlob: (descriptor, source, { mountFrom, base, signal }) =>
      client.pushBlob(repository, descriptor, source, {
        ...(base === undefined ? {} : { base }),
        ...(mountFrom === undefined ? {} : { mountFrom }),
        ...(signal === undefined ? {} : { signal }),
      }),
    putManifest: async (manifest) => void (await client.pushManifest(repository, manifest)),
    root: async (manifest, tags) => {
      for (const tag of tags) {
        const there = await client.resolve({ ...repository, tag })
        if (there?.digest !== manifest.digest)
          await client.pushManifest(repository, { ...manifest, tag })
      }
    },
  }
}

/** The descriptor of a manifest that was read. */
export function describe(manifest: PulledManifest): Descriptor {
  const { digest, mediaType, bytes } = manifest
  const parsed = parseManifest(bytes, mediaType, digest)
  const { artifactType } = parsed.kind === 'index' ? parsed.index : parsed.manifest
  return {
    mediaType,
    digest,
    size: bytes.byteLength,
    ...(artifactType === undefined ? {} : { artifactType }),
  }
}

async function byDigest(layout: Layout, reference: string): Promise<Descriptor | undefined> {
  if (!isDigest(reference)) return undefined
  const listed = layout.roots().find(({ digest }) => digest === reference)
  const size = await layout.blobs.size(reference)
  if (listed !== undefined || size === undefined || size > limits.manifestBytesMax) return listed
  const bytes = await readAll(layout.blobs.read(reference), size, reference)
  return {
    mediaType: parseManifest(bytes, undefined, reference).mediaType,
    digest: reference,
    size,
  }
}

function rest(descriptor: Descriptor, start: number): { start: number; end: number } | undefined {
  return start === 0 ? undefined : { start, end: descriptor.size }
}

/** A source whose bytes are told to `heard` as they pass. */
export function observed(source: BlobSource, heard: (bytes: number) => void): BlobSource {
  async function* read(start: number): Bytes {
    for await (const chunk of source.read(start)) {
      heard(chunk.byteLength)
      yield chunk
    }
  }
  return { read }
}
