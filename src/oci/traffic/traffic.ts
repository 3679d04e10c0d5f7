/**
 * Traffic counted in memory and kept in a database.
 *
 * Invariant: a difference is written once: it leaves memory when the transaction that holds it is
 * done, and what is counted meanwhile is the next difference.
 */
import { type Clock, type Emit, messageOf } from '#kernel/index.ts'
import type { Database, Queryable } from '../registry/database.ts'
import type {
  TrafficLog,
  TrafficEvent,
  TrafficQuestion,
  TrafficRow,
  UpstreamSum,
} from './contract.ts'
import { trafficMigrations } from './tables.ts'

const dayMs = 86_400_000
const daysKept = 400
const flushEveryMs = 10_000
const rowsMax = 10_000
/** Namespaces beyond these are counted together where the number of values has to be bounded. */
const namespacesMax = 200
const otherNamespaces = 'other'

interface Sum extends Omit<TrafficEvent, 'sentBytes' | 'receivedBytes'> {
  readonly namespace: string
  readonly day: number
  requests: number
  sentBytes: number
  receivedBytes: number
}

interface State {
  readonly database: Database
  readonly clock: Clock
  readonly server: string
  /** Not written yet. */
  pending: Map<string, Sum>
  pendingUpstream: Map<string, { -readonly [K in keyof UpstreamSum]: UpstreamSum[K] }>
  readonly totals: Map<string, Sum>
  readonly upstreamTotals: Map<string, { -readonly [K in keyof UpstreamSum]: UpstreamSum[K] }>
  readonly namespaces: Set<string>
  writing: Promise<void>
}

export interface TrafficOptions {
  readonly database: Database
  readonly clock: Clock
  /** Tells this server's counts from those of others on the same database. */
  readonly server: string
  readonly emit: Emit
}

/** Opens the counts, going on from what was written before. @throws AppError of the database */
export async function openTraffic(options: TrafficOptions): Promise<TrafficLog> {
  const { database, clock, server, emit } = options
  await database.migrate('traffic', trafficMigrations)
  const state: State = {
    database,
    clock,
    server,
    pending: new Map(),
    pendingUpstream: new Map(),
    totals: new Map(),
    upstreamTotals: new Map(),
    namespaces: new Set(),
    writing: Promise.resolve(),
  }
  await load(state)
  // One after the other; what failed before is in memory still, and was told.
  const flush = () =>
    (state.writing = state.writing.catch(() => undefined).then(() => write(state)))
  const timer = setInterval(() => {
    flush().catch((error: unknown) => {
      const why = messageOf(error)
      emit({ kind: 'warning', text: `Traffic could not be written: ${why}`, hints: [] })
    })
  }, flushEveryMs)
  timer.unref()
  return {
    count: (event) => count(state, event),
    countUpstream: (event) => countUpstream(state, event),
    totals: () => [...state.totals.values()],
    upstreamTotals: () => [...state.upstreamTotals.values()],
    sums: async (question) => {
      await flush()
      return await summed(state, question)
    },
    flush,
    close: async () => {
      clearInterval(timer)
      await flush()
    },
  }
}

function count(state: State, event: TrafficEvent): void {
  const { repository, upstream, client, kind, outcome } = event
  const day = Math.floor(state.clock.nowMs() / dayMs)
  const key = `${repository} ${upstream} ${client} ${kind} ${outcome} ${day}`
  let sum = state.pending.get(key)
  if (sum === undefined) {
    const namespace = namespaceOf(repository)
    sum = { ...event, namespace, day, requests: 0, sentBytes: 0, receivedBytes: 0 }
    state.pending.set(key, sum)
  }
  add(sum, 1, event)
  addTotal(state, { ...event, namespace: sum.namespace, requests: 1 })
}

function addTotal(state: State, event: TrafficEvent & { namespace: string; requests: number }) {
  const { upstream, client, kind, outcome, requests } = event
  const { namespaces } = state
  if (namespaces.size < namespacesMax) namespaces.add(event.namespace)
  const namespace = namespaces.has(event.namespace) ? event.namespace : otherNamespaces
  const key = `${namespace} ${upstream} ${client} ${kind} ${outcome}`
  let total = state.totals.get(key)
  if (total === undefined) {
    const nothing = { requests: 0, sentBytes: 0, receivedBytes: 0 }
    total = { ...event, ...nothing, namespace, repository: '', day: 0 }
    state.totals.set(key, total)
  }
  add(total, requests, event)
}

function add(
  sum: { requests: number; sentBytes: number; receivedBytes: number },
  requests: number,
  bytes: { readonly sentBytes: number; readonly receivedBytes: number },
): void {
  sum.requests += requests
  sum.sentBytes += bytes.sentBytes
  sum.receivedBytes += bytes.receivedBytes
}

function countUpstream(state: State, event: Omit<UpstreamSum, 'requests'>): void {
  const { upstream, method, status } = event
  const key = `${upstream} ${method} ${status}`
  // Bytes arrive after the answer whose status was counted.
  const requests = event.receivedBytes > 0 ? 0 : 1
  for (const sums of [state.pendingUpstream, state.upstreamTotals]) {
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { ...event, requests })
    else {
      sum.requests += requests
      sum.receivedBytes += event.receivedBytes
    }
  }
}

/** The first part of a repository's name; of one that has a single part, that. */
function namespaceOf(repository: string): string {
  const slash = repository.indexOf('/')
  return slash < 0 ? repository : repository.slice(0, slash)
}

async function load(state: State): Promise<void> {
  const rows = await state.database.query<Record<string, string | number>>(
    `SELECT namespace, upstream, client, kind, outcome, CAST(SUM(requests) AS BIGINT) AS requests,
       CAST(SUM(sent_bytes) AS BIGINT) AS sent_bytes,
       CAST(SUM(received_bytes) AS BIGINT) AS received_bytes
     FROM traffic WHERE server = ?
     GROUP BY namespace, upstream, client, kind, outcome ORDER BY requests DESC`,
    [state.server],
  )
  for (const row of rows)
    addTotal(state, {
      repository: '',
      namespace: String(row['namespace']),
      upstream: String(row['upstream']),
      client: String(row['client']),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `write` only
      kind: String(row['kind']) as TrafficEvent['kind'],
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `write` only
      outcome: String(row['outcome']) as TrafficEvent['outcome'],
      requests: Number(row['requests']),
      sentBytes: Number(row['sent_bytes']),
      receivedBytes: Number(row['received_bytes']),
    })
  const upstream = await state.database.query<UpstreamSum>(
    `SELECT upstream, method, status, requests, received_bytes AS "receivedBytes"
     FROM upstream_traffic WHERE server = ?`,
    [state.server],
  )
  for (const row of upstream)
    state.upstreamTotals.set(`${row.upstream} ${row.method} ${row.status}`, { ...row })
}

async function write(state: State): Promise<void> {
  const { pending, pendingUpstream, database, server } = state
  if (pending.size === 0 && pendingUpstream.size === 0) return
  state.pending = new Map()
  state.pendingUpstream = new Map()
  try {
    await database.transaction(async (within) => {
      for (const sum of pending.values()) await writeSum(within, server, sum)
      for (const sum of pendingUpstream.values()) await writeUpstream(within, server, sum)
      const first = Math.floor(state.clock.nowMs() / dayMs) - daysKept
      await within.run('DELETE FROM traffic WHERE day < ?', [first])
    })
  } catch (error) {
    restore(state, pending, pendingUpstream)
    throw error
  }
}

/** Puts back what could not be written, beside what was counted in the meantime. */
function restore(
  state: State,
  pending: State['pending'],
  pendingUpstream: State['pendingUpstream'],
): void {
  for (const [key, sum] of pending) {
    const newer = state.pending.get(key)
    if (newer === undefined) state.pending.set(key, sum)
    else add(newer, sum.requests, sum)
  }
  for (const [key, sum] of pendingUpstream) {
    const newer = state.pendingUpstream.get(key)
    if (newer === undefined) state.pendingUpstream.set(key, sum)
    else {
      newer.requests += sum.requests
      newer.receivedBytes += sum.receivedBytes
    }
  }
}

async function writeSum(within: Queryable, server: string, sum: Sum): Promise<void> {
  const { day, namespace, repository, upstream, client, kind, outcome } = sum
  await within.run(
    `INSERT INTO traffic (server, day, namespace, repository, upstream, client, kind, outcome,
       requests, sent_bytes, received_bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (day, server, repository, upstream, client, kind, outcome) DO UPDATE SET
       requests = traffic.requests + excluded.requests,
       sent_bytes = traffic.sent_bytes + excluded.sent_bytes,
       received_bytes = traffic.received_bytes + excluded.received_bytes`,
    [
      server,
      day,
      namespace,
      repository,
      upstream,
      client,
      kind,
      outcome,
      sum.requests,
      sum.sentBytes,
      sum.receivedBytes,
    ],
  )
}

async function writeUpstream(within: Queryable, server: string, sum: UpstreamSum): Promise<void> {
  const { upstream, method, status, requests, receivedBytes } = sum
  await within.run(
    `INSERT INTO upstream_traffic (server, upstream, method, status, requests, received_bytes)
     VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (server, upstream, method, status) DO UPDATE SET
       requests = upstream_traffic.requests + excluded.requests,
       received_bytes = upstream_traffic.received_bytes + excluded.received_bytes`,
    [server, upstream, method, status, requests, receivedBytes],
  )
}

async function summed(state: State, question: TrafficQuestion): Promise<readonly TrafficRow[]> {
  const fields = [...new Set(question.by)]
  const list = fields.map((field) => `${field}, `).join('')
  const group = fields.length === 0 ? '' : `GROUP BY ${fields.join(', ')}`
  return await state.database.query<TrafficRow>(
    `SELECT ${list}CAST(COALESCE(SUM(requests), 0) AS BIGINT) AS requests,
       CAST(COALESCE(SUM(sent_bytes), 0) AS BIGINT) AS "sentBytes",
       CAST(COALESCE(SUM(received_bytes), 0) AS BIGINT) AS "receivedBytes"
     FROM traffic WHERE day >= ? ${group} ORDER BY requests DESC LIMIT ?`,
    [question.fromDay ?? 0, Math.min(question.limit ?? 100, rowsMax)],
  )
}
