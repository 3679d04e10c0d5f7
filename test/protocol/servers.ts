/**
 * Registries to test against: ours in this process or its own, Debian's, and hostile ones.
 *
 * All listen on a free port of 127.0.0.1 and end with their scope.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, temporaryFolder } from '#kernel/index.ts'
import {
  accessMigrations,
  type Accounts,
  accountsIn,
  servicePlace,
  openDatabase,
  type OpenRegistryOptions,
  openRegistry,
} from '#oci/index.ts'
import { parseRegistryConfig, type RegistryConfig } from '#model/index.ts'
import { registryApp, serve, type ServeOptions } from '#server/index.ts'
import type { StorageKind } from '../storages.ts'

export interface TestRegistry extends AsyncDisposable {
  /** Host and port. */
  readonly registry: string
  readonly url: string
  readonly dir: string
}

/** The folder of programs for children. */
export const toolPath = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** `backlot serve` in this process, on a folder of its own. */
export async function ourRegistry(
  options: Omit<ServeOptions, 'dir' | 'port'> = {},
): Promise<TestRegistry> {
  const folder = temporaryFolder()
  const server = await serve({ dir: folder.path, port: 0, ...options })
  return {
    registry: server.registry,
    url: server.url,
    dir: folder.path,
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      folder[Symbol.dispose]()
    },
  }
}

/** `backlot serve` in this process, on a storage of that kind; `config` says all but the storage. */
export async function storedRegistry(
  kind: StorageKind,
  config: RegistryConfig = {},
): Promise<TestRegistry> {
  const place = await kind.open()
  const { served } = place
  const server = await serve({ ...served, config: { ...config, ...served.config }, port: 0 })
  return {
    registry: server.registry,
    url: server.url,
    dir: place.served.dir,
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await place[Symbol.asyncDispose]()
    },
  }
}

export interface GuardedRegistry extends TestRegistry {
  /** Through a connection of its own, as the commands beside a running server have it. */
  readonly accounts: Accounts
}

/** `backlot serve` with a registry.yaml that restricts access. */
export async function guardedRegistry(yaml = 'access: {}'): Promise<GuardedRegistry> {
  const config = parseRegistryConfig(yaml, 'registry.yaml')
  const server = await ourRegistry({ config })
  const database = openDatabase(servicePlace(server))
  await database.migrate('access', accessMigrations)
  return {
    ...server,
    accounts: accountsIn(database, systemClock),
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** The registry's routes without a socket. */
export async function ourApp(options: Omit<OpenRegistryOptions, 'dir'> = {}) {
  const folder = temporaryFolder()
  const registry = await openRegistry({ dir: folder.path, ...options })
  const app = registryApp(registry)
  return {
    registry,
    ask: async (method: string, path: string, init: RequestInit = {}) =>
      await app.fetch(new Request(`http://registry.test${path}`, { method, ...init })),
    [Symbol.asyncDispose]: async () => {
      await registry.close()
      folder[Symbol.dispose]()
    },
  }
}

/** Debian's docker-registry. */
export async function debianRegistry(): Promise<TestRegistry> {
  const folder = temporaryFolder()
  const config = join(folder.path, 'config.yml')
  const data = join(folder.path, 'data')
  mkdirSync(data)
  writeFileSync(
    config,
    `version: 0.1
log: { level: info }
storage: { filesystem: { rootdirectory: ${data} }, delete: { enabled: true } }
http: { addr: '127.0.0.1:0' }
`,
  )
  const child = Bun.spawn(['docker-registry', 'serve', config], {
    env: { PATH: toolPath },
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const port = await heard(child.stderr, /listening on 127\.0\.0\.1:(\d+)/)
  return {
    registry: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    dir: data,
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await child.exited
      folder[Symbol.dispose]()
    },
  }
}

/** The pattern's first group in a child's output, all of which is read, as it may not block. */
export async function heard(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> {
  const found = Promise.withResolvers<string>()
  const decoder = new TextDecoder()
  const listen = async () => {
    let text = ''
    for await (const chunk of stream) {
      text = (text + decoder.decode(chunk, { stream: true })).slice(-65_536)
      const group = pattern.exec(text)?.[1]
      if (group !== undefined) found.resolve(group)
    }
    found.reject(new Error(`The program ended and said: ${text}`))
  }
  listen().catch(found.reject)
  return await found.promise
}

/** Runs a program of others to its end; its output is the message when it fails. */
export async function tool(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin?: string,
): Promise<string> {
  const child = Bun.spawn([...argv], {
    env: { PATH: toolPath, HOME: '/nonexistent', ...env },
    stdin: stdin === undefined ? 'ignore' : new TextEncoder().encode(stdin),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${out}\n${err}`)
  return out
}
