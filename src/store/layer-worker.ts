/**
 * The entry point of the store's workers: one job in, one answer out, in order.
 *
 * `bun build --compile` must get this file as an entry point beside src/main.ts.
 */
import { getPriority, platform, setPriority } from 'node:os'
import { AppError, messageOf, systemCode } from '#kernel/index.ts'
import type { Answers, JobFailure, LayerJob, LayerMemory } from './layer-jobs.ts'
import { linkAll } from './link-job.ts'
import { pack } from './pack-job.ts'
import { drop, inflate, publish, write } from './unpack-job.ts'
import { learn } from './worker-memory.ts'

declare const self: Worker

interface Question {
  readonly id: number
  readonly job: LayerJob
  /** Not zero: another worker has taken the job. */
  readonly claim?: SharedArrayBuffer
  /** Memory for this job and later ones. */
  readonly memory?: LayerMemory | undefined
}

stepBack()

self.addEventListener('message', (event: MessageEvent<Question>) => {
  const { id, job, claim, memory } = event.data
  if (memory !== undefined) learn(memory)
  if (claim !== undefined && Atomics.exchange(new Int32Array(claim), 0, 1) !== 0) return
  try {
    const answer = work(job)
    self.postMessage({ id, answer })
  } catch (error) {
    self.postMessage({ id, failure: failureOf(error) })
  }
})

/**
 * Lets the thread that asks go first where there are fewer processors than threads: it has little
 * to do, and the workers wait for it. On Linux alone priorities are a thread's own.
 */
function stepBack(): void {
  if (platform() !== 'linux') return
  try {
    setPriority(Math.min(getPriority() + 2, 19))
  } catch {
    // A sandbox may forbid it; it is only slower then.
  }
}

function work(job: LayerJob): Answers[keyof Answers] {
  switch (job.kind) {
    case 'pack':
      return pack(job)
    case 'inflate':
      return inflate(job)
    case 'write':
      return write(job)
    case 'publish':
      return publish(job)
    case 'drop':
      return drop(job)
    case 'link':
      return linkAll(job)
  }
}

function failureOf(error: unknown): JobFailure {
  if (error instanceof AppError) return { code: error.code, message: error.message, ours: true }
  const message = messageOf(error)
  return { code: systemCode(error) ?? 'UNKNOWN', message, ours: false }
}
