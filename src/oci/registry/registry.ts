/**
 * The registry on a folder and SQLite: rules of the specification over blobs, uploads, metadata.
 *
 * Invariant: what a tag names was checked to be there in the same transaction that moved the tag.
 * Layout of the folder: docs/formats/registry.md. Not here: HTTP (`#server`), who may do what.
 */
import { join } from 'node:path'
import {
  AppError,
  type Clock,
  type Digest,
  digestOf,
  digestParts,
  isDigest,
  limits,
  systemClock,
  tryLock,
} from '#kernel/index.ts'
import { type BlobStore, diskBlobs } from '#store/index.ts'
import { isForeignLayer } from '../media-types.ts'
import { isRepositoryName, isTag } from '../reference.ts'
import { parseManifest, referrerDescriptor, subjectOf, type ParsedManifest } from '../schema.ts'
import type {
  ManifestPut,
  ManifestReceipt,
  MountRequest,
  Registry,
  StoredBlob,
} from './contract.ts'
import type { ManifestKey, ManifestRecord, Metadata } from './metadata.ts'
import { listReferrers } from './referrers.ts'
import { sqliteMetadata } from './sqlite.ts'
import { adoptFile, fileUploads } from './uploads.ts'

const tagsPerPutMax = 100
const mountCandidatesMax = 100

export interface OpenRegistryOptions {
  readonly dir: string
  readonly clock?: Clock
  /** Where blobs lie; default: in `dir`, as an OCI layout has them. */
  readonly blobs?: BlobStore
  /** The largest blob that is taken; default 256 GiB. */
  readonly blobBytesMax?: number
  /** Take manifests whose blobs are not there; default false: what a tag names is there. */
  readonly sparse?: boolean
}

/**
 * Opens the registry in `dir`, making it if there is none; one process at a time may have it.
 * @throws AppError `kernel/locked`, `kernel/read-only`, `oci/bad-layout`
 */
export function openRegistry(options: OpenRegistryOptions): Registry {
  const { dir, clock = systemClock, blobBytesMax = 256 * 1024 ** 3, sparse = false } = options
  const held = tryLock(join(dir, 'registry.lock'))
  if (held === undefined)
    throw new AppError('kernel/locked', `Another server has the registry in ${dir}`, {
      hints: ['Stop the other `backlot serve`, or give this one another folder.'],
    })
  const metadata = sqliteMetadata(join(dir, 'registry.db'), clock)
  const blobs = options.blobs ?? diskBlobs(dir)
  const uploads = fileUploads({ dir: join(dir, 'uploads'), blobs, clock, blobBytesMax })
  const present = async (digest: Digest, sizeBytes: number | undefined) =>
    sizeBytes !== undefined && (await blobs.size(digest)) === sizeBytes
      ? { digest, sizeBytes }
      : undefined
  return {
    dir,
    blob: async (repository, digest) =>
      await present(digest, await metadata.blobSize(named(repository), digest)),
    blobPath: (digest) => blobs.pathOf?.(digest),
    readBlob: (digest, range) => blobs.read(digest, range),
    removeBlob: (repository, digest) => metadata.unlinkBlob(named(repository), digest),
    adoptBlob: async (repository, { path, digest, sizeBytes }) => {
      await adoptFile(blobs, path, digest, sizeBytes)
      await metadata.linkBlob(named(repository), digest, sizeBytes)
    },
    mount: async (repository, request) => {
      const { digest } = request
      const source = await mountSource(metadata, request)
      if (source === undefined) return undefined
      const found = await present(digest, await metadata.blobSize(source, digest))
      if (found !== undefined) await metadata.linkBlob(named(repository), digest, found.sizeBytes)
      return found
    },
    startUpload: (repository, algorithm = 'sha256') => uploads.start(named(repository), algorithm),
    uploadSize: (repository, id) => uploads.size(named(repository), id),
    appendUpload: (repository, id, part) => uploads.append(named(repository), id, part),
    finishUpload: async (repository, id, digest) => {
      const blob: StoredBlob = await uploads.finish(named(repository), id, digest)
      await metadata.linkBlob(repository, blob.digest, blob.sizeBytes)
      return blob
    },
    cancelUpload: (repository, id) => uploads.cancel(named(repository), id),
    putManifest: (repository, put) =>
      putManifest(metadata, named(repository), { ...put, sparse: put.sparse ?? sparse }),
    manifest: async (repository, reference) =>
      await metadata.manifest(named(repository), keyOf(reference)),
    removeManifest: async (repository, reference) =>
      await metadata.removeManifest(named(repository), keyOf(reference)),
    tags: (repository, page = {}) => metadata.tags(named(repository), page),
    referrers: (repository, subject, page = {}) =>
      listReferrers(metadata, named(repository), subject, page),
    repositories: (page = {}) => metadata.repositories(page),
    removeStaleUploads: (idleMs) => uploads.removeStale(idleMs),
    close: async () => {
      metadata.close()
      held[Symbol.dispose]()
    },
  }
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
  const written = await metadata.putManifest(repository, {
    record: stored,
    tags,
    needs: put.sparse ? [] : neededBlobs(parsed),
    replaces: put.replaces,
  })
  if (written.kind === 'missing')
    throw new AppError(
      'oci/manifest-blob-unknown',
      `The manifest names ${written.digest}, which ${repository} does not have`,
      { hints: ['Push the blob, or mount it from another repository, then the manifest.'] },
    )
  if (written.kind === 'moved')
    throw new AppError(
      'oci/tag-moved',
      `The tag ${written.tag} of ${repository} does not name ${put.replaces} any more`,
      { hints: ['Read it again and repeat the change.'], retryable: true },
    )
  return { digest: record.digest, ...(record.subject ? { subject: record.subject } : {}) }
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
  const parsed = parseManifest(put.bytes, put.mediaType, 'The manifest')
  return {
    parsed,
    digest,
    mediaType: parsed.mediaType,
    bytes: put.bytes,
    subject: subjectOf(parsed)?.digest,
    descriptor: referrerDescriptor(parsed, { digest, size: put.bytes.byteLength }),
  }
}

/**
 * Blobs that have to be there. Children of an index need not be: an index may be sparse
 * (distribution-spec, «sparse manifests»), and a subject may come later or never.
 */
function neededBlobs(parsed: ParsedManifest): readonly Digest[] {
  if (parsed.kind === 'index') return []
  const { config, layers } = parsed.manifest
  const needed = [config, ...layers.filter((layer) => !isForeignLayer(layer.mediaType))]
  return [...new Set(needed.map(({ digest }) => digest))]
}
