/**
 * The entry point of the store's workers: one job in, one answer out, in order.
 *
 * `bun build --compile` must get this file as an entry point beside src/main.ts.
 */
import { AppError, systemCode } from '#kernel/index.ts'
import type { Answers, JobFailure, LayerJob } from './layer-jobs.ts'
import { linkAll } from './link-job.ts'
import { pack } from './pack-job.ts'
import { drop, inflate, publish, write } from './unpack-job.ts'

declare const self: Worker

self.addEventListener('message', (event: MessageEvent<{ id: number; job: LayerJob }>) => {
  const { id, job } = event.data
  try {
    const { answer, transfer } = work(job)
    self.postMessage({ id, answer }, transfer)
  } catch (error) {
    self.postMessage({ id, failure: failureOf(error) })
  }
})

function work(job: LayerJob): { answer: Answers[keyof Answers]; transfer: ArrayBuffer[] } {
  switch (job.kind) {
    case 'pack':
      return { answer: pack(job), transfer: [] }
    case 'inflate': {
      const bytes = inflate(job)
      return { answer: { bytes }, transfer: [bytes.buffer] }
    }
    case 'write':
      return { answer: write(job), transfer: [] }
    case 'publish':
      return { answer: publish(job), transfer: [] }
    case 'drop':
      return { answer: drop(job), transfer: [] }
    case 'link':
      return { answer: linkAll(job), transfer: [] }
  }
}

function failureOf(error: unknown): JobFailure {
  if (error instanceof AppError) return { code: error.code, message: error.message, ours: true }
  const message = error instanceof Error ? error.message : String(error)
  return { code: systemCode(error) ?? 'UNKNOWN', message, ours: false }
}
