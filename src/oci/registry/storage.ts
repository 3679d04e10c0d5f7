/**
 * Where a registry keeps what it has: metadata, blobs, uploads, and the tables of the others.
 *
 * Invariant: blobs in a folder are one server's, which holds the folder's lock; with PostgreSQL
 * and a bucket any number of servers share everything. Not here: rules (`registry.ts`).
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, type Clock, type Lock, tryLock } from '#kernel/index.ts'
import {
  type BlobStore,
  type Bucket,
  type BucketPlace,
  diskBlobs,
  openBucket,
  s3Blobs,
} from '#store/index.ts'
import { type Database, type DatabasePlace, openDatabase } from './database.ts'
import { generationFolder } from './generations.ts'
import type { Metadata } from './metadata/contract.ts'
import { postgresMetadata } from './metadata/postgres.ts'
import { sqliteMetadata } from './metadata/sqlite.ts'
import type { Generations, Uploads } from './uploads/contract.ts'
import { type Room, roomIn, unbounded } from './room.ts'
import { fileUploads } from './uploads/file-uploads.ts'
import { s3Uploads } from './uploads/s3-uploads.ts'

export interface StorageOptions {
  /** Of SQLite, of blobs that lie in a folder, and of nothing when neither does. */
  readonly dir: string
  /** Without it: SQLite in `dir`. */
  readonly postgres?: { readonly url: string; readonly connectionsMax?: number } | undefined
  /** Without it: files in `dir`. */
  readonly bucket?: BucketPlace | undefined
  readonly clock: Clock
  readonly blobBytesMax: number
  /** Look at and mend what another process serves: takes no lock. */
  readonly beside?: boolean
}

export interface Storage {
  readonly metadata: Metadata
  readonly blobs: Generations
  readonly uploads: Uploads
  readonly database: Database
  readonly bucket: Bucket | undefined
  /** On the disk, where something of it lies there. */
  readonly room: Room
  close(): Promise<void>
}

/**
 * @throws AppError `kernel/locked`, `kernel/read-only`, `oci/bad-layout`, `oci/database-gone`
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { dir, postgres, clock, blobBytesMax, beside = false } = options
  const bucket = options.bucket === undefined ? undefined : openBucket(options.bucket)
  const isLocal = postgres === undefined || bucket === undefined
  const held = isLocal && !beside ? lockOf(dir) : undefined
  try {
    const metadata =
      postgres === undefined
        ? sqliteMetadata(join(dir, 'registry.db'), clock)
        : await postgresMetadata(postgres, clock)
    const database = openDatabase(servicePlace(options))
    const blobs = generations((folder) =>
      bucket === undefined ? diskBlobs(join(dir, folder)) : s3Blobs(bucket, folder),
    )
    const uploads =
      bucket === undefined
        ? fileUploads({ dir: join(dir, 'uploads'), blobs, clock, blobBytesMax })
        : await s3Uploads({ bucket, database, clock, blobBytesMax })
    return {
      metadata,
      blobs,
      uploads,
      database,
      bucket,
      room: isLocal ? roomIn(dir) : unbounded,
      close: async () => {
        await metadata.close()
        await database.close()
        held?.[Symbol.dispose]()
      },
    }
  } catch (error) {
    held?.[Symbol.dispose]()
    throw error
  }
}

/**
 * For commands that look after a registry: none is made where there is none, or a folder that is
 * misspelt would be found sound.
 * @throws AppError `oci/bad-layout`
 */
export function checkIsThere(place: Pick<StorageOptions, 'dir' | 'postgres'>): void {
  if (isThere(place)) return
  const { dir } = place
  throw new AppError('oci/bad-layout', `There is no registry in ${dir}`, {
    hints: ['Name its folder with --data, or its --config. `backlot serve` makes a registry.'],
  })
}

/** Whether there is a registry, or may be one: of a database nobody knows before it is asked. */
export function isThere({ dir, postgres }: Pick<StorageOptions, 'dir' | 'postgres'>): boolean {
  const files = ['registry.db', 'service.db'].map((name) => join(dir, name))
  return postgres !== undefined || files.some((file) => existsSync(file))
}

/** Where the tables of what stands around a registry are. */
export function servicePlace({
  dir,
  postgres,
}: Pick<StorageOptions, 'dir' | 'postgres'>): DatabasePlace {
  return postgres === undefined
    ? { kind: 'sqlite', path: join(dir, 'service.db') }
    : { kind: 'postgres', ...postgres }
}

/** Stores by generation, each made once. */
function generations(open: (folder: string) => BlobStore): Generations {
  const known: BlobStore[] = []
  return (generation) => (known[generation] ??= open(generationFolder(generation)))
}

function lockOf(dir: string): Lock {
  const held = tryLock(join(dir, 'registry.lock'))
  if (held !== undefined) return held
  throw new AppError('kernel/locked', `Another server has the registry in ${dir}`, {
    hints: ['Stop the other `backlot serve`, or give this one another folder.'],
  })
}
