/**
 * A real PostgreSQL for tests: Debian's, in a temporary folder, on a socket of its own.
 *
 * It runs as a user that is not root, because it refuses to run as root. One server serves a test
 * file; each test gets a database of its own.
 */
import { SQL } from 'bun'
import { chownSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { freePort } from './free-port.ts'

const options = [
  ['listen_addresses', '127.0.0.1'],
  ['max_connections', '200'],
  ['log_min_messages', 'panic'],
]

export interface Postgres extends AsyncDisposable {
  /** Makes an empty database and gives its URL. */
  fresh(): Promise<string>
  /** Ends the server as a power cut would. */
  kill(): Promise<void>
  /** Starts it again on the same folder and port. */
  start(): Promise<void>
}

/** The programs that it needs, for `outside`. */
export const postgresPrograms = ['initdb', 'postgres', 'setpriv']

/** Where a program of PostgreSQL is; Debian keeps them off the path. */
export function postgresProgram(name: string): string | undefined {
  const onPath = Bun.which(name)
  const folder = '/usr/lib/postgresql'
  const versions = existsSync(folder) ? readdirSync(folder).toSorted().toReversed() : []
  const found = versions.map((version) => join(folder, version, 'bin', name)).find(existsSync)
  return found ?? onPath ?? undefined
}

let shared: Promise<Postgres> | undefined

/** The server of this test file, which `afterAll(stopPostgres)` ends; at the latest this process. */
export const sharedPostgres = (): Promise<Postgres> => (shared ??= startPostgres())

export async function stopPostgres(): Promise<void> {
  const running = shared
  shared = undefined
  await (await running)?.[Symbol.asyncDispose]()
}

/** How many sessions of the database wait for a lock. */
export async function lockWaiters(database: SQL): Promise<number> {
  const waiting = await database.unsafe<readonly unknown[]>(
    `SELECT 1 FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  )
  return waiting.length
}

async function startPostgres(): Promise<Postgres> {
  const folder = temporaryFolder()
  const { as, user } = unprivileged()
  if (user !== undefined) chownSync(folder.path, user.uid, user.gid)
  const data = join(folder.path, 'data')
  const made = Bun.spawnSync(
    [
      ...as,
      postgresProgram('initdb') ?? 'initdb',
      `--pgdata=${data}`,
      '--auth=trust',
      '--username=backlot',
      '--no-sync',
      '--encoding=UTF8',
      '--locale=C',
    ],
    { cwd: folder.path, stdout: 'ignore', stderr: 'pipe' },
  )
  if (!made.success) throw new Error(`initdb: ${made.stderr.toString()}`)
  const port = freePort()
  const url = (database: string) => `postgres://backlot@127.0.0.1:${port}/${database}`
  let child = launch(as, data, port)
  await answers(url('postgres'))
  let count = 0
  const kill = async () => {
    child.kill('SIGQUIT') // Immediate: no checkpoint, as if the machine had gone.
    await child.exited
  }
  return {
    fresh: async () => {
      count += 1
      const admin = new SQL({ url: url('postgres'), max: 1 })
      await admin.unsafe(`CREATE DATABASE test_${count}`)
      await admin.close()
      return url(`test_${count}`)
    },
    kill,
    start: async () => {
      child = launch(as, data, port)
      await answers(url('postgres'))
    },
    [Symbol.asyncDispose]: async () => {
      await kill()
      folder[Symbol.dispose]()
    },
  }
}

function launch(as: readonly string[], data: string, port: number) {
  const settings = [...options, ['port', `${port}`], ['unix_socket_directories', data]]
  return Bun.spawn(
    [
      ...as,
      postgresProgram('postgres') ?? 'postgres',
      '-D',
      data,
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { cwd: data, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
  )
}

/** How to become a user that is not root, where we are root. */
function unprivileged() {
  if (process.getuid?.() !== 0) return { as: [], user: undefined }
  const ids = (flag: string) =>
    Number(Bun.spawnSync(['id', flag, 'postgres']).stdout.toString().trim() || '65534')
  const [uid, gid] = [ids('-u'), ids('-g')]
  const as = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--pdeathsig=QUIT']
  return { as, user: { uid, gid } }
}

/** Waits until it takes questions. */
async function answers(url: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const admin = new SQL({ url, max: 1 })
    try {
      await admin.unsafe('SELECT 1')
      return await admin.close()
    } catch (error) {
      await admin.close()
      if (attempt > 500) throw error
      await Bun.sleep(20)
    }
  }
}
