/**
 * The storages that a registry can have, for suites that run on all of them.
 */
import { test as always } from 'bun:test'
import { temporaryFolder } from '#kernel/index.ts'
import type { OpenRegistryOptions } from '#oci/index.ts'
import { outside } from './outside.ts'
import { type Postgres, postgresPrograms, startPostgres } from './postgres.ts'
import { type S3Server, startS3 } from './s3.ts'

export interface StoragePlace extends AsyncDisposable {
  /** What `openRegistry` takes; again and again the same storage. */
  readonly options: OpenRegistryOptions
}

export interface StorageKind {
  readonly name: string
  readonly test: typeof always
  /** Whether several servers may have it at once. */
  readonly isShared: boolean
  open(): Promise<StoragePlace>
}

let postgres: Promise<Postgres> | undefined
let s3: Promise<S3Server> | undefined

/** The PostgreSQL server of this test file. */
const sharedPostgres = (): Promise<Postgres> => (postgres ??= startPostgres())
/** The S3 service of this test file. */
export const sharedS3 = (): Promise<S3Server> => (s3 ??= startS3())

/** For `afterAll`: ends the servers that were started. */
export async function stopStorages(): Promise<void> {
  await (await postgres)?.[Symbol.asyncDispose]()
  await (await s3)?.[Symbol.asyncDispose]()
}

export const storageKinds: readonly StorageKind[] = [
  {
    name: 'folder and SQLite',
    test: always,
    isShared: false,
    open: async () => {
      const folder = temporaryFolder()
      return {
        options: { dir: folder.path },
        [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
      }
    },
  },
  {
    name: 'bucket and PostgreSQL',
    test: outside([...postgresPrograms, 'versitygw']),
    isShared: true,
    open: async () => {
      const folder = temporaryFolder()
      const url = await (await sharedPostgres()).fresh()
      const bucket = await (await sharedS3()).fresh()
      return {
        options: { dir: folder.path, postgres: { url, connectionsMax: 10 }, bucket },
        [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
      }
    },
  },
]
