/**
 * The registry over its storage: rules of the specification over blobs, uploads and metadata.
 *
 * Invariant: what a tag names was checked to be there in the same transaction that moved the tag.
 * Layout of the folder: docs/formats/registry.md. Not here: HTTP (`#server`), who may do what.
 */
import { rm } from 'node:fs/promises'
import {
  AppError,
  type Clock,
  type Digest,
  digestOf,
  digestParts,
  isDigest,
  limits,
  systemClock,
} from '#kernel/index.ts'
import { blobKey } from '#store/index.ts'
import { isRepositoryName, isTag } from '../reference.ts'
import {
  checkOneKind,
  namedBy,
  type ParsedManifest,
  parseManifest,
  referrerDescriptor,
  sizesIn,
  subjectOf,
} from '../schema.ts'
import type {
  Keeps,
  ManifestPut,
  ManifestReceipt,
  MountRequest,
  Registry,
  RemoveConditions,
  StoredBlob,
} from './contract.ts'
import { generationFolder } from './generations.ts'
import { lossNoted } from './lost.ts'
import type { ManifestKey, ManifestRecord, Metadata } from './metadata/contract.ts'
import { wasRemoved } from './metadata/keeping.ts'
import type { OpenRegistryOptions } from './options.ts'
import { type PullTimes, pullTimes } from './pull-times.ts'
import { listReferrers } from './referrers.ts'
import { settled } from './settle.ts'
import { openStorage, type Storage } from './storage.ts'
import { namespaceHolds, namespaceUsage } from './usage.ts'
import type { Arrived } from './uploads/contract.ts'
import { upkeepOf } from './upkeep.ts'
import { takeTurn } from './upkeep/schedule.ts'
import { arrivedFile } from './uploads/file-uploads.ts'

const tagsPerPutMax = 100
const mountCandidatesMax = 100
/** What messages call it. */
const manifestName = 'The manifest'

/**
 * Opens the registry, making it if there is none. One process at a time may have a folder; any
 * number may have a database and a bucket.
 * @throws AppError `kernel/locked`, `kernel/read-only`, `oci/bad-layout`, `oci/database-gone`
 */
export async function openRegistry(options: OpenRegistryOptions): Promise<Registry> {
  const { dir, clock = systemClock, blobBytesMax = 256 * 1024 ** 3 } = options
  const storage = await openStorage({ ...options, dir, clock, blobBytesMax })
  const pulls = pullTimes(storage.metadata, clock)
  return registryOn(storage, { ...options, clock, pulls })
}

interface RegistrySettings extends OpenRegistryOptions {
  readonly clock: Clock
  readonly pulls: PullTimes
}

function registryOn(storage: Storage, settings: RegistrySettings): Registry {
  const { metadata, database, bucket, room } = storage
  const { dir, clock, sparse = false, redirectSeconds, pulls } = settings
  return {
    dir,
    database,
    upkeep: upkeepOf(storage, clock),
    isMyTurn: (turn) => takeTurn(database, clock, turn),
    ...blobMethods(storage, clock),
    removeBlob: async (repository, digest, keeps) =>
      wasRemoved(repository, await metadata.unlinkBlob(named(repository), digest, keeps)),
    adoptBlob: async (repository, { path, digest, sizeBytes }) => {
      room.check()
      const arrived = arrivedFile(storage.blobs, { path, digest, sizeBytes })
      await settled(storage, { repository: named(repository), digest, arrived, clock })
      await rm(path, { force: true })
    },
    mount: async (repository, request) => {
      const { digest } = request
      const source = await mountSource(metadata, request)
      if (source === undefined) return undefined
      if ((await presentBlob(storage, source, digest)) === undefined) return undefined
      const blob = { digest, from: source }
      const sizeBytes = await metadata.mountBlob(named(repository), blob, request.budget)
      return sizeBytes === undefined ? undefined : { digest, sizeBytes }
    },
    blobUrl: async ({ digest, generation = 0 }) =>
      bucket === undefined || redirectSeconds === undefined
        ? undefined
        : bucket.readUrl(blobKey(generationFolder(generation), digest), redirectSeconds),
    ...uploadMethods(storage, clock),
    putManifest: async (repository, put) => {
      room.check()
      return await putManifest(metadata, named(repository), {
        ...put,
        sparse: put.sparse ?? sparse,
      })
    },
    manifest: async (repository, reference) =>
      await metadata.manifest(named(repository), keyOf(reference)),
    noteManifestPull: (repository, digest) => pulls.note(repository, digest),
    flushPulls: () => pulls.flush(),
    removeManifest: (repository, reference, conditions = {}) =>
      removeManifest(
        metadata,
        { repository: named(repository), key: keyOf(reference) },
        conditions,
      ),
    tags: (repository, page = {}) => metadata.tags(named(repository), page),
    referrers: (repository, subject, page = {}) =>
      listReferrers(metadata, named(repository), subject, page),
    repositories: (page = {}) => metadata.repositories(page),
    usage: (namespace) => namespaceUsage(metadata, namespace),
    holds: (namespace, digest) => namespaceHolds(metadata, namespace, digest),
    close: async () => {
      await pulls.close()
      await storage.close()
    },
  }
}

type UploadMethods =
  | 'startUpload'
  | 'uploadSize'
  | 'appendUpload'
  | 'finishUpload'
  | 'cancelUpload'
  | 'removeStaleUploads'

function uploadMethods(storage: Storage, clock: Clock): Pick<Registry, UploadMethods> {
  const { uploads, room } = storage
  return {
    startUpload: (repository, algorithm = 'sha256') => uploads.start(named(repository), algorithm),
    uploadSize: (repository, id) => uploads.size(named(repository), id),
    appendUpload: async (repository, id, part) => {
      await orCancelled(uploads, { repository, id }, () => room.check(part.sizeBytes))
      return await uploads.append(named(repository), id, part)
    },
    finishUpload: async (repository, id, digest, budget) => {
      await orCancelled(uploads, { repository, id }, () => room.check())
      const settle = (arrived: Arrived) =>
        settled(storage, { repository, digest, arrived, budget, clock })
      return await uploads.finish(named(repository), id, { digest, settle })
    },
    cancelUpload: (repository, id) => uploads.cancel(named(repository), id),
    removeStaleUploads: (idleMs) => uploads.removeStale(idleMs),
  }
}

/** On a full disk the bytes of an upload make way. */
async function orCancelled(
  uploads: Storage['uploads'],
  { repository, id }: { readonly repository: string; readonly id: string },
  check: () => void,
): Promise<void> {
  try {
    check()
  } catch (error) {
    await uploads.cancel(named(repository), id).catch(() => undefined)
    throw error
  }
}

function blobMethods(
  storage: Storage,
  clock: Clock,
): Pick<Registry, 'blob' | 'blobPath' | 'readBlob'> {
  const { blobs, bucket } = storage
  return {
    blob: (repository, digest) => presentBlob(storage, named(repository), digest),
    blobPath: ({ digest, generation = 0 }) => blobs(generation).pathOf?.(digest),
    readBlob: ({ digest, generation = 0 }, range) => {
      const bytes = blobs(generation).read(digest, range)
      return bucket === undefined ? bytes : lossNoted(storage, { digest, generation, bytes, clock })
    },
  }
}

/** A blob that the repository has; one whose file is gone or cut is as if it were not there. */
async function presentBlob(
  { metadata, blobs, bucket }: Storage,
  repository: string,
  digest: Digest,
): Promise<StoredBlob | undefined> {
  const place = await metadata.blob(repository, digest)
  if (place === undefined) return undefined
  const { sizeBytes, generation } = place
  // A bucket is asked when the bytes are read, and by a check: each question is a round trip.
  if (bucket === undefined && (await blobs(generation).size(digest)) !== sizeBytes) return undefined
  return { digest, sizeBytes, generation }
}

/** The name, checked. @throws AppError `oci/name-invalid` */
function named(repository: string): string {
  if (isRepositoryName(repository)) return repository
  throw new AppError('oci/name-invalid', `'${repository.slice(0, 80)}' is not a repository name`, {
    hints: [
      'Use lower-case letters and digits, joined by `.`, `_` or `-`, in parts joined by `/`.',
    ],
  })
}

function keyOf(reference: string): ManifestKey {
  if (isDigest(reference)) return { digest: reference }
  if (isTag(reference)) return { tag: reference }
  throw new AppError(
    reference.includes(':') ? 'oci/digest-invalid' : 'oci/tag-invalid',
    `'${reference.slice(0, 140)}' is neither a tag nor a digest`,
  )
}

async function mountSource(
  metadata: Metadata,
  { digest, from, mayRead }: MountRequest,
): Promise<string | undefined> {
  if (from !== undefined) return isRepositoryName(from) && mayRead(from) ? from : undefined
  return (await metadata.holders(digest, mountCandidatesMax)).find(mayRead)
}

async function putManifest(
  metadata: Metadata,
  repository: string,
  put: ManifestPut & { readonly sparse: boolean },
): Promise<ManifestReceipt> {
  if (put.bytes.byteLength > limits.manifestBytesMax)
    throw new AppError(
      'kernel/too-large',
      `The manifest has ${put.bytes.byteLength} bytes, the limit is ${limits.manifestBytesMax}`,
    )
  const key = keyOf(put.reference)
  const tags = tagsOf(key, put.tags ?? [])
  const record = recordOf(key, put)
  const { parsed, ...stored } = record
  const { blobs, manifests } = namedBy(parsed)
  const sizes = sizesIn(parsed, manifestName)
  const written = await metadata.putManifest(repository, {
    record: stored,
    tags,
    needs: put.sparse ? [] : blobs,
    sizes: put.sparse ? new Map() : sizes,
    names: put.sparse ? [...blobs, ...manifests] : manifests,
    replaces: put.replaces,
    budget: put.budget,
  })
  if (written.kind === 'missing')
    throw new AppError(
      'oci/manifest-blob-unknown',
      `The manifest names ${written.digest}, which ${repository} does not have`,
      { hints: ['Push the blob, or mount it from another repository, then the manifest.'] },
    )
  if (written.kind === 'other-size')
    throw new AppError(
      'oci/bad-manifest',
      `${manifestName} says that ${written.digest} has ${sizes.get(written.digest)} bytes, it has ${written.sizeBytes}`,
      { hints: ['Write the size of the blob as it was pushed; clients refuse it otherwise.'] },
    )
  if (written.kind === 'moved') throw tagMoved(repository, written.tag, `${put.replaces}`)
  return { digest: record.digest, ...(record.subject ? { subject: record.subject } : {}) }
}

async function removeManifest(
  metadata: Metadata,
  { repository, key }: { readonly repository: string; readonly key: ManifestKey },
  { keeps, only }: RemoveConditions,
): Promise<boolean> {
  if (only !== undefined && 'digest' in key && key.digest !== only)
    throw tagMoved(repository, key.digest, only)
  const isGuarded = only !== undefined && 'tag' in key
  const keeping: Keeps = (tag, digest) => digest !== only || keeps?.(tag, digest) === true
  const options = { reason: 'deleted', keeps: isGuarded ? keeping : keeps }
  const outcome = await metadata.removeManifest(repository, key, options)
  if (isGuarded && outcome.kind === 'kept' && outcome.digest !== only)
    throw tagMoved(repository, outcome.tag, only)
  return wasRemoved(repository, outcome)
}

function tagMoved(repository: string, tag: string, wanted: string): AppError {
  return new AppError('oci/tag-moved', `${tag} of ${repository} does not name ${wanted} any more`, {
    hints: ['Read it again and repeat the change.'],
    retryable: true,
  })
}

function tagsOf(key: ManifestKey, more: readonly string[]): readonly string[] {
  const tags = [...new Set('tag' in key ? [key.tag, ...more] : more)]
  if (tags.length > tagsPerPutMax)
    throw new AppError(
      'oci/too-many-tags',
      `${tags.length} tags in one request, at most ${tagsPerPutMax} are taken`,
    )
  const bad = tags.find((tag) => !isTag(tag))
  if (bad === undefined) return tags
  throw new AppError('oci/tag-invalid', `'${bad.slice(0, 140)}' is not a tag`)
}

function recordOf(key: ManifestKey, put: ManifestPut): ManifestRecord & { parsed: ParsedManifest } {
  const algorithm = 'digest' in key ? digestParts(key.digest).algorithm : 'sha256'
  const digest = digestOf(put.bytes, algorithm)
  if ('digest' in key && key.digest !== digest)
    throw new AppError(
      'oci/digest-invalid',
      `The manifest has digest ${digest}, expected ${key.digest}`,
    )
  const parsed = parseManifest(put.bytes, put.mediaType, manifestName)
  checkOneKind(parsed, manifestName)
  return {
    parsed,
    digest,
    mediaType: parsed.mediaType,
    bytes: put.bytes,
    subject: subjectOf(parsed)?.digest,
    descriptor: referrerDescriptor(parsed, { digest, size: put.bytes.byteLength }),
  }
}
