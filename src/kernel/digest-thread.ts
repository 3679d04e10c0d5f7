/**
 * Digests that other threads compute: hashing a gigabyte takes as long as receiving it, so what has
 * both to do does them at once.
 *
 * Invariant: one digest is computed by one thread, in the order of the calls. The threads are
 * started by the first digest, kept for the next, and no reason for the process to stay alive.
 * Not here: what a thread does (`digest-worker.ts`); small things, which are hashed at once.
 */
import { availableParallelism } from 'node:os'
import type { Digest, DigestAlgorithm } from './digest.ts'
import type { DigestAnswer, DigestJob, DigestQuestion } from './digest-jobs.ts'
import { workerAddress } from './worker-address.ts'

/** A digest being computed elsewhere. Disposing of it forgets it. */
export interface ThreadDigester extends Disposable {
  /** The bytes must stay as they are until it returns. */
  update(bytes: Uint8Array<SharedArrayBuffer>): Promise<void>
  /** The first bytes of a file. */
  updateFrom(path: string, sizeBytes: number): Promise<void>
  /** Ends it. */
  digest(): Promise<Digest>
}

interface Waiting {
  resolve(digest: Digest | undefined): void
  reject(error: Error): void
}

interface Thread {
  readonly worker: Worker
  readonly waiting: Map<number, Waiting>
  digesters: number
}

const threadsMax = 4
const threads: Thread[] = []
let lastId = 0

/** All calls fail after the thread failed. */
export function threadDigester(algorithm: DigestAlgorithm = 'sha256'): ThreadDigester {
  const thread = idlest()
  lastId += 1
  const digester = lastId
  thread.digesters += 1
  let ended = false
  const ask = (job: DigestJob) => asked(thread, digester, job)
  const begun = ask({ kind: 'begin', algorithm })
  begun.catch(() => undefined) // Whoever asks next is told.
  return {
    update: async (bytes) => void (await ask({ kind: 'update', bytes })),
    updateFrom: async (path, sizeBytes) => void (await ask({ kind: 'file', path, sizeBytes })),
    digest: async () => {
      const digest = await ask({ kind: 'digest' })
      if (digest === undefined) throw new TypeError('A thread gave no digest')
      return digest
    },
    [Symbol.dispose]: () => {
      if (ended) return
      ended = true
      thread.digesters -= 1
      ask({ kind: 'drop' }).catch(() => undefined)
    },
  }
}

/** One thread is left for what brings the bytes. */
function idlest(): Thread {
  const best = threads.toSorted((a, b) => a.digesters - b.digesters)[0]
  const count = Math.min(Math.max(availableParallelism() - 1, 1), threadsMax)
  if (best !== undefined && (best.digesters === 0 || threads.length >= count)) return best
  const started = start()
  threads.push(started)
  return started
}

function start(): Thread {
  const file = new URL('./digest-worker.ts', import.meta.url)
  const worker = new Worker(workerAddress('./kernel/digest-worker.ts', file))
  const thread: Thread = { worker, waiting: new Map(), digesters: 0 }
  worker.unref()
  worker.addEventListener('message', ({ data }: MessageEvent<DigestAnswer>) => {
    const waiting = thread.waiting.get(data.id)
    thread.waiting.delete(data.id)
    if (thread.waiting.size === 0) worker.unref()
    if (data.failure === undefined) waiting?.resolve(data.digest)
    else waiting?.reject(new Error(data.failure))
  })
  worker.addEventListener('error', (event) => {
    const at = threads.indexOf(thread)
    if (at >= 0) threads.splice(at, 1)
    for (const waiting of thread.waiting.values())
      waiting.reject(new TypeError(`A thread that hashes failed: ${event.message}`))
    thread.waiting.clear()
  })
  return thread
}

function asked(thread: Thread, digester: number, job: DigestJob): Promise<Digest | undefined> {
  if (!threads.includes(thread)) return Promise.reject(new TypeError('A thread that hashes ended'))
  lastId += 1
  const id = lastId
  const answer = Promise.withResolvers<Digest | undefined>()
  thread.waiting.set(id, answer)
  if (thread.waiting.size === 1) thread.worker.ref()
  const question: DigestQuestion = { id, digester, job }
  thread.worker.postMessage(question)
  return answer.promise
}
