/**
 * Downloads of blobs that go on from the last byte.
 *
 * Invariant: of a whole blob the last chunk is given out only after all bytes hashed to its name;
 * never more bytes are taken than the descriptor says.
 */
import { AppError, type Bytes, digester, digestParts } from '#kernel/index.ts'
import type { RepositoryRef } from '../reference.ts'
import type { Descriptor } from '../schema.ts'
import { badAnswer, discard, failure, type Question } from './answers.ts'
import type { PullBlobOptions } from './contract.ts'
import { delayMs } from './retry.ts'
import { type Answer, networkFailure, type Transport } from './transport.ts'

export interface Download {
  readonly transport: Transport
  readonly from: RepositoryRef
  readonly blob: Pick<Descriptor, 'digest' | 'size'>
  readonly options: PullBlobOptions
}

/** @throws AppError `oci/blob-unknown`, `oci/digest-invalid`, `oci/unreachable`, … */
export async function* download({ transport, from, blob, options }: Download): Bytes {
  const { range, signal } = options
  const hasher = range === undefined ? digester(digestParts(blob.digest).algorithm) : undefined
  const question = { registry: from.registry, what: `pull blob ${blob.digest}` }
  const end = Math.min(range?.end ?? blob.size, blob.size)
  let at = range?.start ?? 0
  let held: Uint8Array | undefined
  for (let failures = 0; at < end; ) {
    const before = at
    const fault = yield* attempt()
    if (at >= end) break
    failures = at > before ? 1 : failures + 1
    if (failures >= transport.retry.attempts) throw fault ?? stopped(question, at, end)
    const why = `${from.registry} broke off a download`
    await transport.pause(delayMs(transport.retry, failures), why, signal)
  }
  if (hasher !== undefined && hasher.digest() !== blob.digest) throw lied(question)
  if (held !== undefined) yield held

  /** Takes what one connection gives; the fault that broke it, if one did. */
  async function* attempt(): AsyncGenerator<Uint8Array, AppError | undefined> {
    const answer = await opened({ transport, from, blob, options }, question, { at, end })
    const chunks = from0(answer, at)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await chunks
          .next()
          .catch((error: unknown) => networkFailure(error, question, signal))
        if (next instanceof AppError) {
          if (!next.retryable) throw next
          return next
        }
        if (next.done === true) return undefined
        if (at + next.value.byteLength > end)
          throw badAnswer(question, `it sent more than ${end} bytes`)
        at += next.value.byteLength
        transport.traffic.blobBytesReceived += next.value.byteLength
        if (hasher === undefined) yield next.value
        else {
          hasher.update(next.value)
          if (held !== undefined) yield held
          held = next.value
        }
      }
    } finally {
      await chunks.return?.(undefined)
    }
  }
}

async function opened(
  { transport, from, blob, options }: Download,
  question: Question,
  { at, end }: { readonly at: number; readonly end: number },
): Promise<Answer> {
  const partly = at > 0 || end < blob.size
  const answer = await transport.ask({
    ...question,
    method: 'GET',
    url: `/v2/${from.repository}/blobs/${blob.digest}`,
    scopes: [`repository:${from.repository}:pull`],
    signal: options.signal,
    ...(partly ? { headers: { range: `bytes=${at}-${end - 1}` } } : {}),
  })
  const { status, headers } = answer.response
  if (status === 200 && end < blob.size) {
    await discard(answer.response)
    throw badAnswer(question, 'it does not know ranges')
  }
  if (status === 200 && Number(headers.get('content-length') ?? 0) > blob.size) {
    await discard(answer.response)
    const announced = headers.get('content-length')
    throw badAnswer(question, `it announces ${announced} bytes, the blob has ${blob.size}`)
  }
  if (status === 200) return answer
  if (status === 206) {
    const start = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1]
    if (start !== String(at)) throw badAnswer(question, `it sent from ${start}, asked was ${at}`)
    return answer
  }
  if (status === 404) {
    await discard(answer.response)
    throw new AppError(
      'oci/blob-unknown',
      `${from.registry}/${from.repository} has no blob ${blob.digest}`,
      { hints: ['It may have been deleted. Build it again, or pull from another registry.'] },
    )
  }
  throw await failure(answer.response, question)
}

/** The body from byte `at` on, where the registry sent the whole in spite of the range. */
async function* from0(answer: Answer, at: number): Bytes {
  let skip = answer.response.status === 200 ? at : 0
  for await (const chunk of answer.body()) {
    if (skip < chunk.byteLength) yield skip === 0 ? chunk : chunk.subarray(skip)
    skip = Math.max(0, skip - chunk.byteLength)
  }
}

function lied({ registry, what }: Question): AppError {
  return new AppError(
    'oci/digest-invalid',
    `${registry} sent bytes with another digest to «${what}»; nothing of them was kept`,
    {
      hints: [
        'The registry or a proxy before it holds damaged content. Tell its owner.',
        'A `backlot serve` is mended with BACKLOT_HOME=ITS-FOLDER `backlot store verify --repair`, and by publishing again.',
      ],
    },
  )
}

function stopped({ registry, what }: Question, at: number, end: number): AppError {
  return new AppError(
    'oci/unreachable',
    `${registry} stopped after ${at} of ${end} bytes of «${what}», again and again`,
    { hints: ['Run this again later.'], retryable: true },
  )
}
