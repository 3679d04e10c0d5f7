/**
 * The registry to compare with, Debian's docker-registry, and the requests that benchmarks share.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, digestOf } from '#kernel/index.ts'
import type { Served } from './serve.ts'

/** Debian's, on a free port. */
export async function debianRegistry(data: string): Promise<Omit<Served, 'registry'>> {
  mkdirSync(data)
  const config = join(data, 'config.yml')
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  writeFileSync(
    config,
    `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${data} } }
http: { addr: '127.0.0.1:${port}' }
`,
  )
  const child = Bun.spawn(['docker-registry', 'serve', config], {
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  const url = `http://127.0.0.1:${port}`
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined)
    if (answer?.ok) break
    if (attempt > 200) throw new Error('docker-registry does not answer')
    await Bun.sleep(20)
  }
  return {
    url,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await child.exited
    },
  }
}

/** `Authorization`, where somebody has to say who asks. */
export type Credentials = Readonly<Record<string, string>>

/** Where the bytes of a new upload go. */
export async function begin(
  url: string,
  repository: string,
  headers: Credentials = {},
): Promise<URL> {
  const uploads = `${url}/v2/${repository}/blobs/uploads/`
  const begun = await fetch(uploads, { method: 'POST', headers })
  return new URL(begun.headers.get('location') ?? '', url)
}

/** A blob in one PUT. */
export async function pushBlob(
  url: string,
  repository: string,
  { body, digest }: { readonly body: Buffer; readonly digest: Digest },
  headers: Credentials = {},
): Promise<void> {
  const location = await begin(url, repository, headers)
  location.searchParams.set('digest', digest)
  const answer = await fetch(location, { method: 'PUT', body, headers })
  if (answer.status !== 201) throw new Error(`A blob got ${answer.status}`)
}

/** An image of nothing, which every registry takes. */
export const image = (() => {
  const config = Buffer.from('{}')
  const type = 'application/vnd.docker.distribution.manifest.v2+json'
  const descriptor = { digest: digestOf(config), size: 2 }
  const manifest = {
    schemaVersion: 2,
    mediaType: type,
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...descriptor },
    layers: [],
  }
  const body = Buffer.from(JSON.stringify(manifest))
  return { config, type, body, digest: digestOf(body) }
})()

/** The image, as `image:latest`. */
export async function pushImage(url: string, headers: Credentials = {}): Promise<void> {
  const config = { body: image.config, digest: digestOf(image.config) }
  await pushBlob(url, 'image', config, headers)
  const answer = await fetch(`${url}/v2/image/manifests/latest`, {
    method: 'PUT',
    headers: { ...headers, 'content-type': image.type },
    body: image.body,
  })
  if (answer.status !== 201) throw new Error(`A manifest got ${answer.status}`)
}

/** The memory that a process has now. */
export function residentBytes(pid: number): number {
  const kibibytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) * 1024
}
