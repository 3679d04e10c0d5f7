/**
 * Counting requests: a note that routes write on, and what becomes of it when they have answered.
 *
 * Invariant: it costs a few map look-ups for a request, and no input or output. Labels come from
 * bounded lists, but for repositories, which are counted only when a request for them succeeded.
 */
import type { CacheOutcome, TrafficLog, TrafficKind, TrafficOutcome } from '#oci/index.ts'
import { clientKind } from './clients.ts'
import type { Target } from './paths.ts'

/** What is found out about a request while it is answered. */
export interface Note {
  target: Target | undefined
  /** The prefix of the upstream that it was pulled through from. */
  upstream: string
  outcome: CacheOutcome | undefined
  receivedBytes: number
  /** Of an answer that does not tell its length. */
  sentBytes: number
  /** The answer does not tell whether there is such a repository. */
  mayNotExist: boolean
}

export function newNote(): Note {
  return {
    target: undefined,
    upstream: '',
    outcome: undefined,
    receivedBytes: 0,
    sentBytes: 0,
    mayNotExist: false,
  }
}

/** Upper bounds in seconds. */
export const latencyBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30] as const

export interface Latency {
  readonly method: string
  readonly kind: TrafficKind
  /** One more than bounds: the last is for what took longer. */
  readonly counts: readonly number[]
  readonly sumSeconds: number
}

export interface Meter {
  readonly startedMs: number
  /** `durationMs`: until the answer began. */
  observe(request: Request, response: Response, note: Note, durationMs: number): void
  latencies(): readonly Latency[]
  /** Answers by status code. */
  statuses(): ReadonlyMap<number, number>
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

export function openMeter(traffic: TrafficLog | undefined, nowMs: number): Meter {
  const latencies = new Map<string, { method: string; kind: TrafficKind } & Counted>()
  const statuses = new Map<number, number>()
  return {
    startedMs: nowMs,
    observe: (request, response, note, durationMs) => {
      const method = methods.has(request.method) ? request.method : 'OTHER'
      const kind = kindOf(note.target)
      const { status } = response
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      let latency = latencies.get(`${method} ${kind}`)
      if (latency === undefined) {
        latency = { method, kind, counts: latencyBounds.map(() => 0).concat(0), sumSeconds: 0 }
        latencies.set(`${method} ${kind}`, latency)
      }
      addTo(latency, durationMs / 1000)
      traffic?.count({
        repository: status < 400 && !note.mayNotExist ? nameOf(note.target) : '',
        upstream: note.upstream,
        client: clientKind(request.headers.get('user-agent')),
        kind,
        outcome: outcomeOf(status, note),
        sentBytes: method === 'HEAD' || status >= 300 ? 0 : sentBytes(response, note),
        receivedBytes: note.receivedBytes,
      })
    },
    latencies: () => [...latencies.values()],
    statuses: () => statuses,
  }
}

interface Counted {
  counts: number[]
  sumSeconds: number
}

function addTo(latency: Counted, seconds: number): void {
  const found = latencyBounds.findIndex((bound) => seconds <= bound)
  const at = found < 0 ? latencyBounds.length : found
  latency.counts[at] = (latency.counts[at] ?? 0) + 1
  latency.sumSeconds += seconds
}

function sentBytes(response: Response, note: Note): number {
  if (note.sentBytes > 0) return note.sentBytes
  const length = response.headers.get('content-length')
  return length === null ? 0 : Number(length)
}

function nameOf(target: Target | undefined): string {
  return target !== undefined && 'name' in target ? target.name : ''
}

function kindOf(target: Target | undefined): TrafficKind {
  switch (target?.kind) {
    case 'manifest':
      return 'manifest'
    case 'blob':
      return 'blob'
    case 'uploads':
    case 'upload':
      return 'upload'
    case 'tags':
    case 'referrers':
    case 'catalog':
      return 'list'
    default:
      return 'other'
  }
}

function outcomeOf(status: number, { outcome }: Note): TrafficOutcome {
  if (status >= 500) return 'failed'
  if (status === 404) return 'absent'
  if (status >= 400) return 'refused'
  return outcome ?? 'own'
}
