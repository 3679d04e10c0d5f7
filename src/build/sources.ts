/**
 * Sources by their hash: from the cache, else from the mirrors, else from where they come from.
 *
 * Invariant: a file is in the cache only when its bytes have the SHA-256 that it is named by, so a
 * cut-off or wrong download is never used and never found again. What was fetched is unpacked
 * anew for each build; nothing writes into the cache but this module.
 * Not here: unpacking (`archive.ts`), asking apt (`deb-src.ts`), git (`fetch-git.ts`),
 * pip (`fetch-other.ts`).
 */
import {
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  AppError,
  digester,
  type Emit,
  explained,
  limited,
  messageOf,
  syncFolder,
  systemCode,
  temporaryName,
  throwIfCancelled,
} from '#kernel/index.ts'
import { fetchDebSource } from './deb-src.ts'
import type { FetchContext } from './request.ts'
import type { Mirror } from '#model/index.ts'

const sourceBytesMax = 8 * 1024 ** 3
const tries = 4
const defaultIdleMs = 60_000

/** A file that is known by its hash. */
export interface FileSource {
  readonly url: string
  readonly sha256: string
  /** As mirrors name it; the last part of the URL when absent. */
  readonly fileName?: string | undefined
  /** Debian source package that carries the same bytes. */
  readonly debSrc?: string | undefined
}

/** Bytes that are known by their hash, and where in the cache they go. */
export interface Wanted {
  readonly sha256: string
  readonly path: string
}

type Place = Mirror | { readonly kind: 'origin' }

/** Puts the file there when it has the hash that is wanted; gives where it came from. */
export type Origin = (wanted: Wanted) => Promise<string>

/** Where a fetched file came from, for the provenance. */
export interface FetchedFile {
  readonly path: string
  readonly from: string
}

/** Where downloads are kept, each under its SHA-256. */
export function sourceCache(home: string): string {
  return join(home, 'cache', 'sources')
}

/**
 * Gives the path of a source file whose hash is right: from the cache, a mirror or its origin,
 * which is its URL unless told otherwise.
 * @throws AppError `build/source-missing`, `build/source-mismatch`
 */
export async function fetchFile(
  context: FetchContext,
  source: FileSource,
  origin: Origin = (wanted) => download(context, [source.url], wanted),
): Promise<FetchedFile> {
  const path = join(sourceCache(context.home), source.sha256)
  const wanted = { ...source, path }
  if (existsSync(path)) {
    if ((await sha256Of(path)) === source.sha256) return { path, from: 'cache' }
    rmSync(path, { force: true }) // The disk lost something; the file is fetched again.
  }
  mkdirSync(sourceCache(context.home), { recursive: true })
  const said: string[] = []
  let other: AppError | undefined
  for (const place of [...context.mirrors, { kind: 'origin' } as const]) {
    try {
      const from =
        place.kind === 'origin' ? await origin(wanted) : await fromMirror(context, place, wanted)
      if (from !== undefined) return { path, from }
      said.push(`${placeName(place)}: it has no such file`)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error.code === 'kernel/cancelled' || error.code === 'kernel/no-space') throw error
      if (error.code === 'build/source-mismatch') other ??= error
      said.push(`${placeName(place)}: ${error.message}`)
    }
  }
  if (other !== undefined) throw other
  throw missing(context, source, said)
}

async function fromMirror(
  context: FetchContext,
  place: Mirror,
  wanted: Wanted & FileSource,
): Promise<string | undefined> {
  const { sha256, debSrc } = wanted
  const name = nameOf(wanted)
  switch (place.kind) {
    case 'http': {
      const base = place.url.replace(/\/+$/, '')
      return await download(context, [`${base}/${sha256}/${name}`, `${base}/${name}`], wanted)
    }
    case 'folder':
      return await fromFolder(place.path, wanted)
    case 'deb-src': {
      if (debSrc === undefined) return undefined
      const carrier = { name: debSrc, sha256 }
      const found = await fetchDebSource(context, carrier, (file) => adopt(file, wanted))
      return found ? `deb-src ${debSrc}` : undefined
    }
  }
}

/** As mirrors name a file. */
function nameOf({ fileName, url }: FileSource): string {
  return fileName ?? basename(new URL(url).pathname)
}

/**
 * In a folder a file may have its own name, its hash as name, or a folder named by the hash.
 * @throws AppError `build/source-mismatch` when one of these names is there, with other bytes
 */
async function fromFolder(folder: string, wanted: Wanted & FileSource) {
  const { sha256 } = wanted
  const name = nameOf(wanted)
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new AppError('build/source-missing', 'there is no such folder')
  const likely = [join(folder, sha256), join(folder, sha256, name), join(folder, name)]
  const others = readdirSync(folder).map((other) => join(folder, other))
  let other: AppError | undefined
  for (const file of [...likely, ...others]) {
    if (!existsSync(file) || !statSync(file).isFile()) continue
    const actual = await sha256Of(file)
    if (actual !== sha256) {
      if (likely.includes(file)) other ??= mismatch({ from: file, actual, sha256 })
      continue
    }
    await adopt(file, wanted)
    return `folder ${folder}`
  }
  if (other !== undefined) throw other
  return undefined
}

/** Copies a file into the cache, checked on the way. @throws AppError `build/source-mismatch` */
export async function adopt(file: string, wanted: Wanted): Promise<void> {
  const temporary = temporaryName(wanted.path)
  try {
    copyFileSync(file, temporary)
    await publish(temporary, { ...wanted, from: basename(file) })
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** Another file than the one that the recipe names. */
export function mismatch(of: { from: string; actual: string; sha256: string }): AppError {
  return new AppError(
    'build/source-mismatch',
    `${of.from} has SHA-256 ${of.actual}, the recipe wants ${of.sha256}`,
    {
      hints: [
        'Nothing of it was used. Compare with what the project publishes before changing the recipe.',
      ],
      retryable: true,
    },
  )
}

async function publish(
  temporary: string,
  { sha256, path, from }: Wanted & { readonly from: string },
): Promise<void> {
  const actual = await sha256Of(temporary)
  if (actual !== sha256) throw mismatch({ from, actual, sha256 })
  renameSync(temporary, path)
  syncFolder(dirname(path))
}

async function download(
  context: FetchContext,
  urls: readonly string[],
  wanted: Wanted,
): Promise<string> {
  let last: unknown
  for (const url of urls) {
    try {
      await downloadOne(context, url, wanted)
      return url
    } catch (error) {
      if (context.signal.aborted) throw error
      last = error
    }
  }
  throw last
}

async function downloadOne(context: FetchContext, url: string, wanted: Wanted): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const temporary = temporaryName(wanted.path)
    try {
      await downloadTo(context, { url, file: temporary })
      return await publish(temporary, { ...wanted, from: url })
    } catch (error) {
      throwIfCancelled(context.signal, url)
      const known = error instanceof AppError ? error : unreachable(url, error)
      // A wrong hash may be a cut-off download, which is worth one more try and no more.
      const worthIt = known.code === 'build/source-mismatch' ? attempt < 2 : known.retryable
      if (!worthIt || attempt >= tries) throw known
    } finally {
      rmSync(temporary, { force: true })
    }
    await Bun.sleep(Math.random() * 200 * 2 ** attempt)
  }
}

async function downloadTo(
  context: FetchContext,
  { url, file }: { readonly url: string; readonly file: string },
): Promise<void> {
  const idleMs = context.idleTimeoutMs ?? defaultIdleMs
  const idle = new AbortController()
  const timer = setTimeout(() => idle.abort(new Error(`no byte for ${idleMs} ms`)), idleMs)
  const signal = AbortSignal.any([context.signal, idle.signal])
  try {
    // Some servers call the coding of a .tar.gz gzip; the hash is that of the file as it lies.
    const headers = { 'accept-encoding': 'identity' }
    const response = await fetch(url, { signal, headers, redirect: 'follow', decompress: false })
    if (!response.ok || response.body === null)
      throw new AppError('build/source-missing', `${url} answered ${response.status}`, {
        retryable: response.status >= 500 || response.status === 429 || response.status === 408,
      })
    const length = Number(response.headers.get('content-length') ?? 0)
    const total = length > 0 && length <= sourceBytesMax ? length : undefined
    const report = { task: url, total, emit: context.emit, touch: () => timer.refresh() }
    const counted = counting(response.body, report)
    await pipeline(limited(counted, sourceBytesMax, url), createWriteStream(file, { flags: 'wx' }))
  } finally {
    clearTimeout(timer)
  }
}

async function* counting(
  chunks: AsyncIterable<Uint8Array>,
  report: { task: string; total: number | undefined; emit: Emit; touch: () => void },
) {
  let done = 0
  for await (const chunk of chunks) {
    report.touch()
    done += chunk.byteLength
    const total = report.total === undefined ? {} : { total: report.total }
    report.emit({ kind: 'progress', task: report.task, done, ...total, unit: 'bytes' })
    yield chunk
  }
}

/** The SHA-256 of a file in hexadecimal digits, one chunk held. */
export async function sha256Of(path: string): Promise<string> {
  const hasher = digester()
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    if (chunk instanceof Uint8Array) hasher.update(chunk)
  return hasher.digest().slice('sha256:'.length)
}

function unreachable(url: string, error: unknown): AppError {
  const mended = explained(error, url)
  if (mended instanceof AppError) return mended
  const why = systemCode(error) ?? messageOf(error)
  return new AppError('build/source-missing', `${url} cannot be reached (${why})`, {
    retryable: !/ENOTFOUND|DNS|Unsupported|ECONNREFUSED|TooManyRedirects/i.test(why),
    cause: error,
  })
}

function missing(context: FetchContext, source: FileSource, said: readonly string[]): AppError {
  const wasAsked = context.mirrors.some(({ kind }) => kind === 'deb-src')
  const mirrorHint =
    source.debSrc === undefined || wasAsked
      ? 'Put the file into a folder and name that folder under `mirrors:` in backlot.yaml.'
      : "Debian's source mirror has these bytes: add `mirrors: [deb-src]` to backlot.yaml."
  return new AppError(
    'build/source-missing',
    `No place has ${source.url} (SHA-256 ${source.sha256.slice(0, 12)}…). ${said.join('; ')}`,
    { hints: [mirrorHint], retryable: true },
  )
}

function placeName(place: Place): string {
  switch (place.kind) {
    case 'http':
      return place.url
    case 'folder':
      return place.path
    default:
      return place.kind
  }
}
