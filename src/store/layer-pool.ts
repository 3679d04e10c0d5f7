/**
 * The store's workers: as many as there are processors (at most four), started by the first job,
 * kept for the next, and no reason for the process to stay alive while idle.
 *
 * Not here: what a job does (`pack-job.ts`, `unpack-job.ts`).
 */
import { availableParallelism } from 'node:os'
import { AppError, type ErrorCode, errorCatalogue, workerAddress } from '#kernel/index.ts'
import type { Answers, JobFailure, LayerJob, LayerMemory } from './layer-jobs.ts'

type Reply =
  | { readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly id: number; readonly failure: JobFailure }

interface Waiting {
  resolve(answer: unknown): void
  reject(error: unknown): void
}

interface PoolWorker {
  readonly worker: Worker
  /** Memory that it knows: to tell of it again would count as garbage of that size. */
  readonly memories: Set<number>
  readonly waiting: Map<number, Waiting>
}

const workers = new Map<number, PoolWorker>()
let lastId = 0

/** How many workers there are to ask. */
export function workerCount(): number {
  return Math.min(Math.max(availableParallelism(), 1), 4)
}

/** The worker with the fewest jobs waiting. */
export function idlestWorker(): number {
  let best = 0
  for (let index = 1; index < workerCount(); index += 1)
    if (jobsWaiting(index) < jobsWaiting(best)) best = index
  return best
}

/** Asks one worker. @throws whatever the job throws; system errors keep their code. */
export function ask<K extends keyof Answers>(
  index: number,
  job: Extract<LayerJob, { kind: K }>,
  memory?: LayerMemory,
): Promise<Answers[K]> {
  const pooled = workers.get(index) ?? start(index)
  lastId += 1
  const id = lastId
  const asked = new Promise<unknown>((resolve, reject) => {
    pooled.waiting.set(id, { resolve, reject })
  })
  if (pooled.waiting.size === 1) pooled.worker.ref()
  pooled.worker.postMessage({ id, job, memory: news(pooled, memory) }, movedWith(job))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the worker answers by kind
  return asked as Promise<Answers[K]>
}

/**
 * Asks all workers for one answer: the first that comes to the job does it, so that none is idle
 * while another has more than one to do. @throws as `ask` does.
 */
export function askAny<K extends 'pack' | 'inflate' | 'write'>(
  job: Extract<LayerJob, { kind: K }>,
  memory: LayerMemory,
): Promise<Answers[K]> {
  const claim = new SharedArrayBuffer(4)
  lastId += 1
  const id = lastId
  const asked = new Promise<unknown>((resolve, reject) => {
    for (let index = 0; index < workerCount(); index += 1) {
      const pooled = workers.get(index) ?? start(index)
      pooled.waiting.set(id, { resolve, reject })
      if (pooled.waiting.size === 1) pooled.worker.ref()
      pooled.worker.postMessage({ id, job, claim, memory: news(pooled, memory) })
    }
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the worker answers by kind
  return asked as Promise<Answers[K]>
}

/** The memory, if the worker was not told of it. */
function news({ memories }: PoolWorker, memory: LayerMemory | undefined): LayerMemory | undefined {
  if (memory === undefined || memories.has(memory.id)) return undefined
  memories.add(memory.id)
  return memory
}

/** Memory that goes over to the worker. */
function movedWith(job: LayerJob): ArrayBuffer[] {
  return job.kind === 'write' && typeof job.segment !== 'number' ? [job.segment.buffer] : []
}

function jobsWaiting(index: number): number {
  return workers.get(index)?.waiting.size ?? 0
}

function start(index: number): PoolWorker {
  const file = new URL('./layer-worker.ts', import.meta.url)
  const worker = new Worker(workerAddress('./store/layer-worker.ts', file))
  const pooled: PoolWorker = { worker, memories: new Set(), waiting: new Map() }
  workers.set(index, pooled)
  worker.unref()
  worker.addEventListener('message', (event: MessageEvent<Reply>) => settle(pooled, event.data))
  worker.addEventListener('error', (event) =>
    fail(`A worker of the store failed: ${event.message}`),
  )
  return pooled
}

/** One failed: the others end too, for they may be at its jobs, in memory that is free then. */
function fail(message: string): void {
  for (const [index, { worker, waiting }] of workers) {
    workers.delete(index)
    worker.terminate()
    for (const { reject } of waiting.values()) reject(new TypeError(message))
    waiting.clear()
  }
}

function settle(pooled: PoolWorker, reply: Reply): void {
  const waiting = pooled.waiting.get(reply.id)
  for (const one of workers.values()) {
    one.waiting.delete(reply.id)
    if (one.waiting.size === 0) one.worker.unref()
  }
  if ('failure' in reply) waiting?.reject(revived(reply.failure))
  else waiting?.resolve(reply.answer)
}

function revived(failure: JobFailure): Error {
  if (failure.ours && isErrorCode(failure.code)) return new AppError(failure.code, failure.message)
  return Object.assign(new Error(failure.message), { code: failure.code })
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code)
}
