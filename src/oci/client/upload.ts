/**
 * Uploads of blobs: asked for first, mounted when possible, and continued where they broke off.
 *
 * Invariant: nothing is sent that the registry has. After a break the registry is asked how far it
 * came (GET of the upload), and only the rest is sent. A registry that refuses large requests
 * (413, or 416 as ghcr.io does) gets parts of 4 MiB.
 * Source: OCI distribution-spec 1.1, "Pushing Blobs".
 */
import { AppError, type Bytes } from '#kernel/index.ts'
import { assemblyHeaders, assemblyType, indexPieces, recipeOf } from '../assembly.ts'
import type { RepositoryRef } from '../reference.ts'
import type { Descriptor } from '../schema.ts'
import { badAnswer, discard, failure, type Question } from './answers.ts'
import type { BlobPushOutcome, BlobSource, PushBlobOptions } from './contract.ts'
import { queryOf } from './lists.ts'
import { delayMs, isRetryable, retryAfterMs } from './retry.ts'
import { type Answer, type Ask, networkFailure, type Transport } from './transport.ts'

export const smallPartBytes = 4 * 1024 * 1024

export interface Upload {
  readonly transport: Transport
  readonly to: RepositoryRef
  readonly blob: Pick<Descriptor, 'digest' | 'size'>
  readonly source: BlobSource
  readonly options: PushBlobOptions
  /** The largest part; undefined: all in one. */
  readonly partBytes: number | undefined
}

/** Where an upload stands. */
interface Progress {
  location: URL
  offset: number
  partBytes: number | undefined
  failures: number
}

/** @throws AppError of the client; see docs/errors.md */
export async function upload(job: Upload): Promise<BlobPushOutcome> {
  if (!job.options.absent && (await exists(job))) return 'existed'
  const { retry, pause } = job.transport
  for (let failures = 1; ; failures += 1) {
    const outcome = await attempt(job)
    if (typeof outcome === 'string') return outcome
    const { fault, waitMs = delayMs(retry, failures) } = outcome
    const tooLong = outcome.waitMs !== undefined && waitMs > retry.retryAfterMsMax
    if (failures >= (outcome.isDoubtful ? 2 : retry.attempts) || tooLong) throw fault
    const why = `${job.to.registry} broke off an upload`
    await pause(waitMs, why, job.options.signal)
    if (await exists(job)) return 'uploaded'
  }
}

/** An upload whose end nobody knows: it is left behind, and the blob is sent in another one. */
interface Lost {
  readonly fault: AppError
  readonly waitMs?: number | undefined
  /** It may well be a plain refusal: one more attempt is enough to know. */
  readonly isDoubtful?: boolean
}

async function attempt(job: Upload): Promise<BlobPushOutcome | Lost> {
  const answered = await begin(job)
  if (answered === 'mounted') return 'mounted'
  const { location: begun, assembles } = answered
  if (assembles && job.options.base !== undefined && job.blob.size > smallPartBytes) {
    const { base, ...rest } = job.options
    const location = await sendRecipe(job, { location: begun, base })
    return location === undefined
      ? await attempt({ ...job, options: rest })
      : await finish(job, location, undefined)
  }
  const whole = Math.min(job.partBytes ?? smallPartBytes, smallPartBytes)
  if (job.blob.size <= whole) return await finish(job, begun, await part(job, 0, job.blob.size))
  const progress: Progress = { location: begun, offset: 0, partBytes: job.partBytes, failures: 0 }
  while (progress.offset < job.blob.size) {
    const before = progress.offset
    await sendSome(job, progress)
    if (progress.offset > before) progress.failures = 0
  }
  return await finish(job, progress.location, undefined)
}

/** Whether the registry has the blob in this repository. */
async function exists({ transport, to, blob, options }: Upload): Promise<boolean> {
  const question = ask({ to, blob, options }, `look for blob ${blob.digest}`)
  const { response } = await transport.ask({
    ...question,
    method: 'HEAD',
    url: `/v2/${to.repository}/blobs/${blob.digest}`,
  })
  if (response.status === 404) return false
  if (response.ok) return true
  throw await failure(response, question)
}

/** An upload that has begun. */
interface Begun {
  readonly location: URL
  /** Whether the registry puts blobs together from what it has. */
  readonly assembles: boolean
}

/** Sends a recipe instead of the bytes; undefined when that did not work, and all has to be sent. */
async function sendRecipe(
  job: Upload,
  { location, base }: { location: URL; base: NonNullable<PushBlobOptions['base']> },
): Promise<URL | undefined> {
  const { transport, source, options } = job
  const question = ask(job, `push what is new of blob ${job.blob.digest}`)
  const index = await indexPieces(base.source.read(0))
  const body = async function* (): Bytes {
    for await (const record of recipeOf(source.read(0), index)) {
      transport.traffic.blobBytesSent += record.byteLength
      yield record
    }
  }
  const headers = { 'content-type': assemblyType, [assemblyHeaders.base]: base.digest }
  const answer = await transport
    .ask({ ...question, method: 'PATCH', url: location, headers, body, retry: false })
    .catch((error: unknown) => networkFailure(error, question, options.signal))
  if (answer instanceof AppError) {
    if (answer.retryable) return undefined
    throw answer
  }
  await discard(answer.response)
  return answer.response.status === 202 ? locationOf(answer, question) : undefined
}

async function begin(job: Upload): Promise<Begun | 'mounted'> {
  const { mountFrom } = job.options
  const question = ask(job, `begin to push blob ${job.blob.digest}`)
  const isElsewhere = mountFrom !== undefined && mountFrom !== job.to.repository
  const mounting = isElsewhere ? await mountAnswer(job, question, mountFrom) : undefined
  if (mounting?.response.status === 201) {
    await discard(mounting.response)
    return 'mounted'
  }
  const answer = mounting ?? (await post(job, question))
  if (answer.response.status !== 202) throw await failure(answer.response, question)
  await discard(answer.response)
  const assembles = answer.response.headers.get(assemblyHeaders.offered) === 'v1'
  return { location: locationOf(answer, question), assembles }
}

/**
 * The answer to a mount: 201, or 202 for an upload that has begun instead. Undefined when it was
 * refused: some registries, or their token services, refuse all of it when the other repository
 * may not be read.
 */
async function mountAnswer(
  job: Upload,
  question: Scoped,
  from: string,
): Promise<Answer | undefined> {
  const scopes = [...question.scopes, `repository:${from}:pull`]
  const query = queryOf({ mount: job.blob.digest, from })
  const answer = await post(job, { ...question, scopes }, query).catch(refusal)
  if (answer === undefined || ![401, 403, 404].includes(answer.response.status)) return answer
  await discard(answer.response)
  return undefined
}

function post({ transport, to }: Upload, question: Scoped, query = ''): Promise<Answer> {
  return transport.ask({
    ...question,
    method: 'POST',
    url: `/v2/${to.repository}/blobs/uploads/${query}`,
    headers: { 'content-length': '0' },
  })
}

/** Undefined for a token that was refused; other failures go on. */
function refusal(error: unknown): undefined {
  const codes = ['oci/unauthorized', 'oci/denied', 'oci/name-unknown', 'oci/rejected']
  if (!(error instanceof AppError) || !codes.includes(error.code)) throw error
}

/** One request's worth of bytes; on a fault, finds out where the registry stands. */
async function sendSome(job: Upload, progress: Progress): Promise<void> {
  const { transport, blob, options } = job
  const { offset } = progress
  const question = ask(job, `push blob ${blob.digest}`)
  const size = Math.min(progress.partBytes ?? Number.POSITIVE_INFINITY, blob.size - offset)
  const streamed = progress.partBytes === undefined
  const body = streamed ? () => counted(job, offset) : await part(job, offset, size)
  const answer = await transport
    .ask({
      ...question,
      method: 'PATCH',
      url: progress.location,
      headers: {
        'content-type': 'application/octet-stream',
        ...(streamed && offset === 0 ? {} : { 'content-range': `${offset}-${offset + size - 1}` }),
      },
      body,
      retry: false,
    })
    .catch((error: unknown) => networkFailure(error, question, options.signal))
  if (answer instanceof AppError) {
    if (!answer.retryable) throw answer
    await recover(job, progress, { fault: answer })
    return
  }
  const { response } = answer
  if (response.status === 202 || response.status === 201 || response.status === 204) {
    await discard(response)
    progress.location = locationOf(answer, question)
    progress.offset = offset + size
    if (!streamed) transport.traffic.blobBytesSent += size
    return
  }
  const tooLarge = response.status === 413 || response.status === 416
  const restarted = response.status === 404
  const waitMs = retryAfterMs(response.headers, transport.clock)
  const fault = await failure(response, question)
  if (!tooLarge && !restarted && !isRetryable(response.status)) throw fault
  const smaller = tooLarge && (progress.partBytes ?? Number.POSITIVE_INFINITY) > smallPartBytes
  if (smaller) progress.partBytes = smallPartBytes
  await recover(job, progress, { fault, waitMs: smaller ? 0 : waitMs })
}

/** Waits, then asks how far the upload came; begins anew when the registry forgot it. */
async function recover(
  job: Upload,
  progress: Progress,
  { fault, waitMs }: { readonly fault: AppError; readonly waitMs?: number | undefined },
): Promise<void> {
  const { transport, options } = job
  progress.failures += 1
  const { retry } = transport
  const tooLong = waitMs !== undefined && waitMs > retry.retryAfterMsMax
  if (progress.failures >= retry.attempts || tooLong) throw fault
  // A stream that gets nowhere may be too much for a proxy on the way.
  if (progress.failures > 1) progress.partBytes ??= smallPartBytes
  const why = `${job.to.registry} broke off an upload`
  await transport.pause(waitMs ?? delayMs(retry, progress.failures), why, options.signal)
  const question = ask(job, `ask how far the push of ${job.blob.digest} came`)
  const answer = await transport.ask({ ...question, method: 'GET', url: progress.location })
  await discard(answer.response)
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.response.headers.get('range') ?? '')?.[1]
  // `0-0` may mean no byte or one byte: such an upload is begun anew.
  if (answer.response.ok && last !== undefined && Number(last) > 0) {
    progress.offset = Number(last) + 1
    if (answer.response.headers.has('location')) progress.location = locationOf(answer, question)
    if (progress.offset <= job.blob.size) return
  }
  const { mountFrom: _, ...rest } = options
  const begun = await begin({ ...job, options: rest })
  if (begun === 'mounted') throw badAnswer(question, 'it mounted without being asked')
  progress.location = begun.location
  progress.offset = 0
}

/**
 * Ends the upload, with its only bytes when it is a small one. Those are not sent to it twice: the
 * registry may have kept them when the connection broke, and would append them again.
 */
async function finish(
  job: Upload,
  location: URL,
  bytes: Uint8Array | undefined,
): Promise<'uploaded' | Lost> {
  const { transport, blob, options } = job
  const question = ask(job, `finish the push of blob ${blob.digest}`)
  const url = new URL(location)
  url.searchParams.set('digest', blob.digest)
  const body = bytes ?? new Uint8Array(0)
  const answer = await transport
    .ask({
      ...question,
      method: 'PUT',
      url,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': `${body.byteLength}`,
      },
      body,
      ...(bytes === undefined ? {} : { retry: false }),
    })
    .catch((error: unknown) => networkFailure(error, question, options.signal))
  if (answer instanceof AppError) {
    if (bytes === undefined || !answer.retryable) throw answer
    return { fault: answer }
  }
  transport.traffic.blobBytesSent += body.byteLength
  const { response } = answer
  if (response.ok) {
    const said = response.headers.get('docker-content-digest')
    await discard(response)
    if (said !== null && said !== blob.digest) throw badAnswer(question, `it stored ${said}`)
    return 'uploaded'
  }
  const waitMs = retryAfterMs(response.headers, transport.clock)
  const fault = await failure(response, question)
  // The answer to an earlier attempt may have been lost on the way, or the end of the upload.
  if (response.status === 404) return (await exists(job)) ? 'uploaded' : { fault }
  if (bytes === undefined) throw fault
  if (isRetryable(response.status)) return { fault, waitMs }
  // Bun's fetch repeats a request itself when a connection that it kept turns out to be closed.
  if (response.status === 400 || response.status === 416) return { fault, isDoubtful: true }
  throw fault
}

type Scoped = Question & Pick<Ask, 'scopes' | 'signal'>

function ask({ to, options }: Pick<Upload, 'to' | 'blob' | 'options'>, what: string): Scoped {
  const scopes = [`repository:${to.repository}:pull,push`]
  return { registry: to.registry, what, scopes, signal: options.signal }
}

function locationOf(answer: Answer, question: Question): URL {
  const location = answer.response.headers.get('location') ?? ''
  if (location === '' || !URL.canParse(location, answer.url.href))
    throw badAnswer(question, 'there is no Location in its answer')
  return new URL(location, answer.url)
}

/** Exactly `size` bytes of the source from `start`. */
async function part({ source, blob }: Upload, start: number, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  if (size === 0) return bytes
  for await (const chunk of source.read(start)) {
    const fitting = chunk.subarray(0, size - at)
    bytes.set(fitting, at)
    at += fitting.byteLength
    if (at >= size) break
  }
  if (at < size) throw tooShort(blob, start + at)
  return bytes
}

/** The rest of the source, counted as it is taken. */
async function* counted({ source, blob, transport }: Upload, start: number): Bytes {
  let at = start
  for await (const chunk of source.read(start)) {
    at += chunk.byteLength
    if (at > blob.size) break
    transport.traffic.blobBytesSent += chunk.byteLength
    yield chunk
  }
  if (at !== blob.size) throw tooShort(blob, at)
}

function tooShort(blob: Pick<Descriptor, 'digest' | 'size'>, at: number): AppError {
  return new AppError(
    'oci/digest-invalid',
    `Blob ${blob.digest} has ${at} bytes here, its descriptor says ${blob.size}`,
    { hints: ['Run `backlot store verify --repair`, then this again.'] },
  )
}
