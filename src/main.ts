#!/usr/bin/env bun
/**
 * The program: argv, environment variables and signals; builds the drivers.
 *
 * Invariant: nothing but the kernel is loaded before it is known to be needed, so `--version`, and
 * `run` in an environment that was entered before, cost a few milliseconds.
 * This is the only reader of `process.env` and `process.argv`.
 */
import { existsSync, fstatSync, writeSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import {
  AppError,
  findProjectFolder,
  homeFolder,
  launchCommand,
  launchRecordPath,
  programVersion,
  readLaunchRecord,
  replaceProcess,
  systemClock,
  systemCode,
} from '#kernel/index.ts'
import type { RegistryStorage } from '#app/index.ts'
import type { CliContext, RegistryPlace, Terminal } from '#cli/index.ts'

const showCursor = '\u001b[?25h'

const argv = process.argv.slice(2)
const env: Record<string, string> = {}
for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value
// What a shell takes when nothing is set; a command in an environment needs the system's programs.
if (process.platform !== 'win32') env['PATH'] ||= '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

if (!printedVersion() && !(await launchedQuickly())) {
  const { runCli } = await import('#cli/index.ts')
  const code = await runCli(context())
  process.exit(code)
}

/** Where it cannot be written, the long way tells why. */
function printedVersion(): boolean {
  if (argv.length !== 1 || (argv[0] !== '--version' && argv[0] !== '-V')) return false
  try {
    writeAll(1, `${programVersion}\n`)
    return true
  } catch {
    return false
  }
}

/** What the fast path understands of `run`; anything else takes the long way. */
interface QuickRun {
  readonly cwd: string
  readonly environment: string | undefined
  readonly frozen: boolean
  readonly launch: string | undefined
  readonly command: readonly string[]
}

/** Becomes the command when its environment was entered before and nothing has changed since. */
async function launchedQuickly(): Promise<boolean> {
  const quick = parseQuickRun(argv)
  if (quick === undefined) return false
  const folder = findProjectFolder(quick.cwd)
  if (folder === undefined) return false
  const path = launchRecordPath({
    ...quick,
    folder,
    env,
    home: home(),
    programVersion,
  })
  const record = path === undefined ? undefined : readLaunchRecord(path)
  if (record === undefined) return false
  try {
    const found = launchCommand(record, quick.command, env)
    process.exit(await replaceProcess(found.argv, found.env))
  } catch (error) {
    if (error instanceof AppError) return false // The long way prints it.
    throw error
  }
}

function parseQuickRun(words: readonly string[]): QuickRun | undefined {
  if (words[0] !== 'run') return undefined
  const values = new Map<string, string>()
  let at = 1
  for (; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (word === '--' || !word.startsWith('-')) break
    const [, name = '', joined] = /^(-[eC]|--[a-z]+)(?:=(.*))?$/s.exec(word) ?? []
    const key = { '-e': '--environment', '-C': '--directory' }[name] ?? name
    if (key === '--locked' || key === '--frozen') values.set(key, 'true')
    else if (key === '--environment' || key === '--directory' || key === '--launch') {
      if (joined === undefined) at += 1
      values.set(key, joined ?? words[at] ?? '')
    } else return undefined
  }
  const command = words.slice(words[at] === '--' ? at + 1 : at)
  if (command.length === 0 || (values.has('--locked') && values.has('--frozen'))) return undefined
  const directory = values.get('--directory')
  if (directory !== undefined && !existsSync(`${directory}/.`)) return undefined
  return {
    cwd: resolve(directory ?? '.'),
    environment: values.get('--environment'),
    frozen: values.has('--frozen'),
    launch: values.get('--launch'),
    command,
  }
}

function home(): string {
  const folder = homeFolder(env)
  return isAbsolute(folder) ? folder : resolve(folder)
}

/** The drivers of the command line. */
function context(): CliContext {
  const hangups = new Set<() => boolean>()
  const signal = interruption(hangups)
  const folder = home()
  return {
    argv,
    cwd: process.cwd(),
    env,
    stdout: terminal(1, () => process.stdout),
    stderr: terminal(2, () => process.stderr),
    signal,
    onHangup: (listener) => {
      const { isatty } = process.getBuiltinModule('node:tty')
      const terminals = [0, 1, 2].filter((file) => isatty(file))
      const heard = (): boolean => {
        // A terminal that went away sends the same signal, and means the end.
        if (terminals.length > 0 && !terminals.some((file) => isatty(file))) return false
        listener()
        return true
      }
      hangups.add(heard)
      return { [Symbol.dispose]: () => void hangups.delete(heard) }
    },
    home: folder,
    openApp: async ({ cwd, emit }) => {
      const { openApp } = await import('#app/index.ts')
      const { shippedRecipes } = await import('#cli/index.ts')
      return openApp({
        home: folder,
        cwd,
        env,
        emit,
        signal,
        clock: systemClock,
        shippedRecipes: shippedRecipes(),
        programVersion,
      })
    },
    serve: async (options) => {
      const { serve } = await import('#server/index.ts')
      return await serve(options)
    },
    openRegistryAdmin: async ({ dir, mayBeNew = false, ...place }) => {
      const { openRegistryAdmin } = await import('#app/index.ts')
      const { storageOf } = await import('#server/index.ts')
      const { postgres } = storageOf(place.config.storage, place.folder)
      return await openRegistryAdmin({ dir, postgres, mayBeNew, clock: systemClock })
    },
    openRegistryUpkeep: async (place) => {
      const { openRegistryUpkeep } = await import('#app/index.ts')
      return await openRegistryUpkeep(await registryStorage(place), place.emit)
    },
    migrateRegistry: async (from, to, emit) => {
      const { migrateRegistryTo } = await import('#app/index.ts')
      const [source, target] = [await registryStorage(from), await registryStorage(to)]
      return await migrateRegistryTo(source, target, { emit, signal })
    },
    readInput: async () => await Bun.stdin.text(),
    become: async (child) => await replaceProcess(child.argv, child.env),
  }
}

/** What registry.yaml says of storage and retention, with the secrets that it names. */
async function registryStorage({ dir, config, folder }: RegistryPlace): Promise<RegistryStorage> {
  const { rulesOf, storageOf } = await import('#server/index.ts')
  const { retention } = config
  return {
    dir,
    clock: systemClock,
    ...storageOf(config.storage, folder),
    rules: retention === undefined ? [] : rulesOf(retention),
    graceMs: retention?.grace,
    recycleMs: retention?.recycle,
  }
}

/**
 * The first Ctrl-C (or SIGTERM, SIGHUP) aborts and lets the work clean up; the second is final.
 * Who listens to hang-ups decides what SIGHUP means: `heard` says whether it is taken care of.
 */
function interruption(hangups: ReadonlySet<() => boolean>): AbortSignal {
  const controller = new AbortController()
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.on(name, () => {
      if (name === 'SIGHUP' && [...hangups].some((heard) => heard())) return
      if (!controller.signal.aborted) return controller.abort(code)
      if (process.stderr.isTTY) writeAll(2, showCursor)
      process.exit(code)
    })
  return controller.signal
}

interface Screen {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** A stream of Node costs milliseconds to look at, and only one on a device can be a terminal. */
function terminal(file: 1 | 2, stream: () => Screen): Terminal {
  const screen = isDevice(file) ? stream() : {}
  return {
    write: (text) => writeAll(file, text),
    isTerminal: screen.isTTY === true,
    columns: () => screen.columns ?? (Number(env['COLUMNS']) || 80),
    rows: () => screen.rows ?? (Number(env['LINES']) || 24),
  }
}

function isDevice(file: 1 | 2): boolean {
  try {
    return fstatSync(file).isCharacterDevice()
  } catch {
    return false // It is closed.
  }
}

/** Writes the whole text, however the other end reads. A reader that went away ends the program. */
function writeAll(file: 1 | 2, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.byteLength; ) {
    try {
      at += writeSync(file, bytes, at)
    } catch (error) {
      if (systemCode(error) === 'EPIPE') process.exit(141)
      if (systemCode(error) !== 'EAGAIN') throw error
      Bun.sleepSync(1)
    }
  }
}
