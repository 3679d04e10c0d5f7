/**
 * The storages that a registry can have, for suites that run on all of them.
 */
import { test as always } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig, type RegistryConfig } from '#model/index.ts'
import type { OpenRegistryOptions } from '#oci/index.ts'
import { outside } from './outside.ts'
import { postgresPrograms, sharedPostgres, stopPostgres } from './postgres.ts'
import { type S3Server, startS3 } from './s3.ts'

export interface StoragePlace extends AsyncDisposable {
  /** What `openRegistry` takes; again and again the same storage. */
  readonly options: OpenRegistryOptions
  /** The same for `serve`. */
  readonly served: { readonly dir: string; readonly config: RegistryConfig }
  /** The same as a file for `backlot serve --config`. */
  readonly configFile: string
}

export interface StorageKind {
  readonly name: string
  readonly test: typeof always
  /** Whether the programs that it needs are here. */
  readonly isPossible: boolean
  /** Whether several servers may have it at once. */
  readonly isShared: boolean
  open(): Promise<StoragePlace>
}

function written(dir: string, text: string): string {
  const path = join(dir, 'registry.yaml')
  writeFileSync(path, text)
  return path
}

let s3: Promise<S3Server> | undefined

/** The S3 service of this test file. */
export const sharedS3 = (): Promise<S3Server> => (s3 ??= startS3())

/** For `afterAll`: ends the servers that were started. */
export async function stopStorages(): Promise<void> {
  const running = s3
  s3 = undefined
  await stopPostgres()
  await (await running)?.[Symbol.asyncDispose]()
}

const shared = outside([...postgresPrograms, 'versitygw'])

export const storageKinds: readonly StorageKind[] = [
  {
    name: 'folder and SQLite',
    test: always,
    isPossible: true,
    isShared: false,
    open: async () => {
      const folder = temporaryFolder()
      const dir = folder.path
      return {
        options: { dir },
        served: { dir, config: {} },
        configFile: written(dir, '{}'),
        [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
      }
    },
  },
  {
    name: 'bucket and PostgreSQL',
    test: shared,
    isPossible: shared === always,
    isShared: true,
    open: async () => {
      const folder = temporaryFolder()
      const url = await (await sharedPostgres()).fresh()
      const bucket = await (await sharedS3()).fresh()
      const dir = folder.path
      const secret = join(dir, 'secret')
      writeFileSync(secret, bucket.credentials.secretAccessKey)
      const s3Keys = {
        endpoint: bucket.endpoint,
        bucket: bucket.bucket,
        prefix: bucket.prefix,
        'access-key': bucket.credentials.accessKeyId,
        'secret-key-file': secret,
      }
      const text = JSON.stringify({ storage: { postgres: { url, connections: 10 }, s3: s3Keys } })
      return {
        options: { dir, postgres: { url, connectionsMax: 10 }, bucket },
        served: { dir, config: parseRegistryConfig(text, 'registry.yaml') },
        configFile: written(dir, text),
        [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
      }
    },
  },
]
