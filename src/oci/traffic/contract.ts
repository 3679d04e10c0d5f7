/**
 * What went through a registry: requests and bytes by namespace, repository, client and upstream.
 *
 * Invariant: counting touches memory only; sums are written to the database now and then, as
 * differences, so that several servers can share one. A crash loses what was counted since.
 */

/** What was asked for. */
export type TrafficKind = 'manifest' | 'blob' | 'list' | 'upload' | 'other'

/**
 * `own`: of a repository of this registry. The next five: through the pull-through cache.
 * `absent`: 404. `refused`: 401, 403, 429. `failed`: other errors.
 */
export type TrafficOutcome =
  | 'own'
  | 'hit'
  | 'revalidated'
  | 'miss'
  | 'joined'
  | 'stale'
  | 'absent'
  | 'refused'
  | 'failed'

export interface TrafficEvent {
  /** Empty where a request was for none, or was not answered with success. */
  readonly repository: string
  /** The prefix of an upstream; empty for repositories of this registry. */
  readonly upstream: string
  readonly client: string
  readonly kind: TrafficKind
  readonly outcome: TrafficOutcome
  /** Bytes of bodies, as far as they were promised. */
  readonly sentBytes: number
  readonly receivedBytes: number
}

export interface TrafficSum {
  readonly requests: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

/** What sums are made by; columns of the table `traffic`. */
export const trafficFields = [
  'namespace',
  'repository',
  'client',
  'upstream',
  'kind',
  'outcome',
  'day',
] as const
export type TrafficField = (typeof trafficFields)[number]

export interface TrafficQuestion {
  readonly by: readonly TrafficField[]
  /** Days since 1970; the first that counts. */
  readonly fromDay?: number
  readonly limit?: number
}

export type TrafficRow = TrafficSum & Readonly<Record<string, string | number>>

/** Requests to one upstream, and bytes of blobs from it. */
export interface UpstreamSum {
  readonly upstream: string
  readonly method: string
  readonly status: number
  readonly requests: number
  readonly receivedBytes: number
}

export interface TrafficLog {
  count(event: TrafficEvent): void
  countUpstream(event: Omit<UpstreamSum, 'requests'>): void
  /** Sums of this server since it was set up, for a few fields whose values are bounded. */
  totals(): readonly (Omit<TrafficEvent, 'repository'> & {
    readonly namespace: string
    readonly requests: number
  })[]
  upstreamTotals(): readonly UpstreamSum[]
  /** Sums of all servers, the busiest first. */
  sums(question: TrafficQuestion): Promise<readonly TrafficRow[]>
  /** Writes what was counted since the last time. */
  flush(): Promise<void>
  close(): Promise<void>
}
