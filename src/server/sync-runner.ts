/**
 * Running the lists of registry.yaml when they are due, and what came of it.
 *
 * Invariant: of several servers on one database one runs a list at a time: who runs it holds a
 * claim, which ends with the run, or by itself some time after its server has died. A restart
 * forgets neither when a list ran last nor what came of it.
 */
import { syncListsOf } from '#app/index.ts'
import { AppError, type Clock, type Emit, messageOf } from '#kernel/index.ts'
import { nextRunMs, type RegistryConfig, type Schedule } from '#model/index.ts'
import {
  type Database,
  type PullThrough,
  type RegistryClient,
  runSync,
  type SyncList,
  syncMigrations,
} from '#oci/index.ts'

type Section = NonNullable<RegistryConfig['sync']>

const lookEveryMs = 15_000
/** A claim is renewed while its run goes on. */
const claimMs = 120_000
const renewEveryMs = 30_000
const failuresKept = 20
const ownName = 'here'

export interface SyncState {
  readonly list: string
  readonly nextMs: number | undefined
  readonly running: boolean
  readonly last: LastRun | undefined
}

interface LastRun {
  readonly startedMs: number
  readonly endedMs: number
  readonly changes: number
  readonly done: number
  readonly same: number
  readonly bytesCopied: number
  readonly failures: readonly { readonly what: string; readonly message: string }[]
}

export interface SyncRunner {
  state(): Promise<readonly SyncState[]>
  /** Runs what is due. */
  look(): Promise<void>
  close(): Promise<void>
}

export interface SyncRunnerOptions {
  readonly section: Section
  readonly folder: string
  /** The registry in this process. */
  readonly client: RegistryClient
  readonly proxy: PullThrough | undefined
  readonly database: Database
  readonly clock: Clock
  readonly emit: Emit
}

interface Entry {
  readonly list: SyncList
  readonly schedule: Schedule | undefined
}

interface Row {
  readonly name: string
  readonly claimed: number
  readonly started: number
  readonly report: string
}

/** @throws AppError of the database, `model/bad-file`, `oci/pulled-repository` */
export async function openSyncRunner(options: SyncRunnerOptions): Promise<SyncRunner> {
  const { section, database, clock, emit, proxy } = options
  const cancel = new AbortController()
  const { signal } = cancel
  const own = { registry: ownName, client: options.client }
  const credentials = async () => undefined
  const around = { folder: options.folder, own, credentials, clock, emit, signal }
  const entries = syncListsOf(section, around).map((list): Entry => {
    checkTargets(list, proxy)
    return { list, schedule: scheduleOf(section[list.name]) }
  })
  await prepare(database, entries, clock)
  const context = { database, clock, emit, signal, entries }
  let looking: Promise<void> = Promise.resolve()
  const look = async () => {
    const before = looking
    looking = (async () => {
      await before.catch(() => undefined) // It was told by who began it.
      await runDue(context)
    })()
    await looking
  }
  const warn = (error: unknown) => {
    if (signal.aborted) return
    const why = messageOf(error)
    emit({ kind: 'warning', text: `Lists could not be run: ${why}`, hints: [] })
  }
  const timer = setInterval(() => void look().catch(warn), lookEveryMs)
  timer.unref()
  return {
    state: () => stateOf(context),
    look,
    close: async () => {
      clearInterval(timer)
      cancel.abort()
      await looking.catch(() => undefined)
    },
  }
}

interface Context {
  readonly database: Database
  readonly clock: Clock
  readonly emit: Emit
  readonly signal: AbortSignal
  readonly entries: readonly Entry[]
}

function scheduleOf(list: Section[string] | undefined): Schedule | undefined {
  if (list?.every !== undefined) return { kind: 'every', ms: list.every }
  return list?.cron === undefined ? undefined : { kind: 'cron', fields: list.cron }
}

function checkTargets({ name, pairs }: SyncList, proxy: PullThrough | undefined): void {
  const wrong = pairs.find(
    ({ to }) => to.registry === ownName && proxy?.find(to.repository) !== undefined,
  )
  if (wrong === undefined) return
  throw new AppError(
    'oci/pulled-repository',
    `The list '${name}' writes to ${wrong.to.repository}, which shows an upstream`,
    { hints: ['Name another repository as its target.'] },
  )
}

/** A row for each list; one that is new, and due every so long, is due at once. */
async function prepare(database: Database, entries: readonly Entry[], clock: Clock): Promise<void> {
  await database.migrate('sync', syncMigrations)
  for (const { list, schedule } of entries)
    await database.run(
      `INSERT INTO sync_list (name, claimed_until_ms, started_ms, report) VALUES (?, 0, ?, '')
       ON CONFLICT (name) DO NOTHING`,
      [list.name, schedule?.kind === 'every' ? clock.nowMs() - schedule.ms : clock.nowMs()],
    )
}

async function runDue(context: Context): Promise<void> {
  for (const entry of context.entries) {
    if (context.signal.aborted) return
    const beforeMs = await claimed(context, entry)
    if (beforeMs !== undefined) await runClaimed(context, entry, beforeMs)
  }
}

/** When the list ran before, if it is due and nobody else runs it; then it is ours. */
async function claimed(
  { database, clock }: Context,
  { list, schedule }: Entry,
): Promise<number | undefined> {
  if (schedule === undefined) return undefined
  return await database.transaction(async (within) => {
    const nowMs = clock.nowMs()
    const row = await rowOf(within, list.name)
    // What lies further ahead than any claim was written by a clock that was wrong.
    const isWrong = (atMs: number) => atMs > nowMs + 2 * claimMs
    if (row === undefined || (row.claimed > nowMs && !isWrong(row.claimed))) return undefined
    const nextMs = nextRunMs(schedule, isWrong(row.started) ? 0 : row.started)
    if (nextMs === undefined || nextMs > nowMs) return undefined
    await within.run('UPDATE sync_list SET claimed_until_ms = ?, started_ms = ? WHERE name = ?', [
      nowMs + claimMs,
      nowMs,
      list.name,
    ])
    return row.started
  })
}

async function runClaimed(context: Context, { list }: Entry, beforeMs: number): Promise<void> {
  const { database, clock, emit, signal } = context
  const startedMs = clock.nowMs()
  const renew = setInterval(() => {
    const values = [clock.nowMs() + claimMs, list.name]
    database
      .run('UPDATE sync_list SET claimed_until_ms = ? WHERE name = ?', values)
      .catch(() => undefined) // The next renewal, or the end of the claim, mends it.
  }, renewEveryMs)
  try {
    const { steps, done, same, bytesCopied, failures } = await runSync(list, { emit, signal })
    const last: LastRun = {
      startedMs,
      endedMs: clock.nowMs(),
      changes: steps.length,
      done,
      same,
      bytesCopied,
      failures: failures.slice(0, failuresKept).map(({ what, message }) => ({ what, message })),
    }
    await database.run('UPDATE sync_list SET claimed_until_ms = 0, report = ? WHERE name = ?', [
      JSON.stringify(last),
      list.name,
    ])
    for (const { what, message, hints } of failures)
      emit({ kind: 'warning', text: `${list.name}: ${what}: ${message}`, hints })
  } catch (error) {
    // It was cut off, so it is due again.
    const values = [beforeMs, list.name]
    await database.run(
      'UPDATE sync_list SET claimed_until_ms = 0, started_ms = ? WHERE name = ?',
      values,
    )
    throw error
  } finally {
    clearInterval(renew)
  }
}

async function stateOf({ database, clock, entries }: Context): Promise<readonly SyncState[]> {
  const states: SyncState[] = []
  for (const { list, schedule } of entries) {
    const row = await rowOf(database, list.name)
    if (row === undefined) continue
    states.push({
      list: list.name,
      nextMs: schedule && nextRunMs(schedule, row.started),
      running: row.claimed > clock.nowMs(),
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `runClaimed`
      last: row.report === '' ? undefined : (JSON.parse(row.report) as LastRun),
    })
  }
  return states
}

async function rowOf(database: Pick<Database, 'query'>, name: string): Promise<Row | undefined> {
  const [row] = await database.query<Row>(
    `SELECT name, claimed_until_ms AS claimed, started_ms AS started, report
     FROM sync_list WHERE name = ?`,
    [name],
  )
  return row
}
