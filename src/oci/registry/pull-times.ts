/**
 * When manifests were last pulled, for retention: remembered here, written down now and then.
 *
 * Invariant: noting costs a look into a map. A time is written at most once in `againMs`, and one
 * that is lost in a crash is at most `everyMs` old: rules count in days.
 */
import type { Clock, Digest } from '#kernel/index.ts'
import type { Metadata, Pull } from './metadata/contract.ts'

const everyMs = 60_000
const againMs = 3_600_000
/** More than this is forgotten, and written again when it is pulled again. */
const knownMax = 200_000
const batchMax = 500

export interface PullTimes {
  note(repository: string, digest: Digest): void
  flush(): Promise<void>
  close(): Promise<void>
}

export function pullTimes(metadata: Metadata, clock: Clock): PullTimes {
  const known = new Map<string, Map<Digest, number>>()
  let count = 0
  let waiting: Pull[] = []
  let writing = Promise.resolve()
  const write = async (): Promise<void> => {
    const pulls = waiting
    waiting = []
    for (let at = 0; at < pulls.length; at += batchMax)
      await metadata.recordPulls(pulls.slice(at, at + batchMax))
  }
  const flush = (): Promise<void> => {
    // A time that cannot be written is only a time: the next pull tells it again.
    writing = writing.then(write).catch(() => undefined)
    return writing
  }
  const timer = setInterval(() => void flush(), everyMs)
  timer.unref()
  return {
    note: (repository, digest) => {
      const nowMs = clock.nowMs()
      let times = known.get(repository)
      const last = times?.get(digest)
      if (last !== undefined && nowMs - last < againMs) return
      if (count >= knownMax) {
        known.clear()
        count = 0
        times = undefined
      }
      if (times === undefined) known.set(repository, (times = new Map()))
      if (last === undefined) count += 1
      times.set(digest, nowMs)
      waiting.push({ repository, digest, atMs: nowMs })
    },
    flush,
    close: async () => {
      clearInterval(timer)
      await flush()
    },
  }
}
