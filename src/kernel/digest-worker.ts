/**
 * The entry point of the threads that hash: one question in, one answer out, in order.
 *
 * `bun build --compile` must get this file as an entry point beside src/main.ts.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { type Digest, type Digester, digester } from './digest.ts'
import type { DigestAnswer, DigestJob, DigestQuestion } from './digest-jobs.ts'

declare const self: Worker

const readBytes = 1024 * 1024
const digesters = new Map<number, Digester>()

self.addEventListener('message', ({ data }: MessageEvent<DigestQuestion>) => {
  self.postMessage(answerOf(data))
})

function answerOf({ id, digester: key, job }: DigestQuestion): DigestAnswer {
  try {
    const digest = work(key, job)
    return digest === undefined ? { id } : { id, digest }
  } catch (error) {
    digesters.delete(key) // A digest that lacks bytes must not be told.
    return { id, failure: error instanceof Error ? error.message : String(error) }
  }
}

function work(key: number, job: DigestJob): Digest | undefined {
  switch (job.kind) {
    case 'begin':
      digesters.set(key, digester(job.algorithm))
      return undefined
    case 'update':
      known(key).update(job.bytes)
      return undefined
    case 'file':
      updateFrom(known(key), job)
      return undefined
    case 'digest': {
      const digest = known(key).digest()
      digesters.delete(key)
      return digest
    }
    case 'drop':
      digesters.delete(key)
      return undefined
  }
}

function known(key: number): Digester {
  const found = digesters.get(key)
  if (found === undefined) throw new Error('There is no such digest, or not any more')
  return found
}

function updateFrom(
  into: Digester,
  { path, sizeBytes }: { readonly path: string; readonly sizeBytes: number },
): void {
  const handle = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(Math.min(readBytes, sizeBytes))
    for (let at = 0; at < sizeBytes; ) {
      const length = readSync(handle, buffer, 0, Math.min(buffer.byteLength, sizeBytes - at), at)
      if (length === 0) throw new Error(`${path} ends after ${at} of ${sizeBytes} bytes`)
      into.update(buffer.subarray(0, length))
      at += length
    }
  } finally {
    closeSync(handle)
  }
}
