/**
 * How to enter an environment: records of it, its variables, and the command that does it.
 *
 * Invariant: a record is used only while all that it was made from is as it was, and its view is
 * reserved before it is looked for.
 * On this floor, and free of schemas, so that `run` starts without loading the other rooms.
 * Not here: becoming that command (`replace.ts`), the name of a record (`launch-key.ts`).
 */
import {
  accessSync,
  constants,
  lstatSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { basename, delimiter, dirname, resolve } from 'node:path'
import { AppError, systemCode } from './errors.ts'
import { commandMissing, commandRefused } from './replace.ts'

/** How to enter an environment, ready to execute. Only ever written by us, in a folder of ours. */
export interface LaunchRecord {
  readonly format: 2
  /** Files that this was made from: it is stale once one of them changed. */
  readonly inputs: readonly LaunchInput[]
  /** Folders without which it cannot work: the view. */
  readonly needs: readonly string[]
  /** The file whose time says until when collections leave the view alone. */
  readonly note?: string | undefined
  /** What `launchContext` said where it was made, when it depends on what this process may do. */
  readonly context?: string
  /** What stands before the command, for example `unshare` and its arguments; may be empty. */
  readonly argv: readonly string[]
  readonly variables: LaunchVariables
  /** What is seen at `at` lies in `from` for as long as the process has not been entered. */
  readonly mount?: { readonly at: string; readonly from: string }
}

/** A file as it was, without its bytes. A file that is not there has size -1. */
export interface LaunchInput {
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly inode: number
}

export interface LaunchVariables {
  readonly set: Readonly<Record<string, string>>
  /** Entries put in front of a list variable (`PATH`); later duplicates of them go. */
  readonly prepend: Readonly<Record<string, readonly string[]>>
}

type Environment = Readonly<Record<string, string | undefined>>

/** What a file is now, to be compared later. */
export function launchInput(path: string): LaunchInput {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return { path, sizeBytes: -1, modifiedMs: 0, inode: 0 }
  return { path, sizeBytes: found.size, modifiedMs: found.mtimeMs, inode: found.ino }
}

/**
 * The record in a file; undefined when it is absent, unreadable, of another format or stale. Its
 * view is reserved first and looked for then, so that it stays when it is there.
 */
export function readLaunchRecord(path: string): LaunchRecord | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isRecord(record) && reserveView(record) && isFresh(record) ? record : undefined
  } catch {
    return undefined // Whatever is wrong with it, it can be made again.
  }
}

/** The format number stands for the rest, since only this program writes these files. */
function isRecord(value: unknown): value is LaunchRecord {
  return typeof value === 'object' && value !== null && 'format' in value && value.format === 2
}

/** From here to the mount it takes milliseconds, and seconds where memory is short. */
const reservedMs = 10_000

/**
 * Has collections leave the view alone until it is mounted, when they see who uses it.
 * @returns False when the view has been taken away, or is about to be.
 */
export function reserveView({ note }: Pick<LaunchRecord, 'note'>): boolean {
  if (note === undefined) return true
  const until = new Date(Date.now() + reservedMs)
  try {
    utimesSync(note, until, until)
    // It may have been taken after it was found and before its time was set.
    return statSync(note).mtimeMs >= until.getTime()
  } catch (error) {
    return systemCode(error) !== 'ENOENT' // A home that cannot be written is not collected.
  }
}

/** Whether nothing that the record was made from has changed and all that it needs is there. */
export function isFresh(record: LaunchRecord): boolean {
  const same = record.inputs.every((was) => {
    const is = launchInput(was.path)
    return (
      is.sizeBytes === was.sizeBytes && is.modifiedMs === was.modifiedMs && is.inode === was.inode
    )
  })
  const may = record.context === undefined || record.context === launchContext()
  return same && may && record.needs.every((path) => statSync(path, { throwIfNoEntry: false }))
}

/** Who this process is and what it may do: a namespace that it could make may be refused elsewhere. */
export function launchContext(): string {
  const ids = `${process.getuid?.()}:${process.getgid?.()}`
  try {
    const status = readFileSync('/proc/self/status', 'utf8')
    const may = /^(?:CapEff|NoNewPrivs|Seccomp):.*$/gm
    return [ids, readlinkSync('/proc/self/ns/user'), ...(status.match(may) ?? [])].join(' ')
  } catch {
    return ids // Not Linux, or no /proc.
  }
}

/**
 * The environment variables of a command: the given ones with the environment's applied.
 * Entries of an outer environment that lie in a folder of its own (BACKLOT_PREFIX) go.
 */
export function launchVariables(
  variables: LaunchVariables,
  env: Environment,
): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) if (value !== undefined) result[name] = value
  const outer = result['BACKLOT_PREFIX']
  for (const [name, entries] of Object.entries(variables.prepend)) {
    const rest = (result[name] ?? '').split(delimiter).filter((entry) => {
      const leftOver = outer !== undefined && outer !== '/usr/local' && isWithin(entry, outer)
      return !leftOver && !entries.includes(entry)
    })
    // In MANPATH an empty entry stands for the system's own, so it has to stay.
    const kept = name === 'MANPATH' ? rest : rest.filter((entry) => entry !== '')
    const joined = [...entries, ...kept].join(delimiter)
    if (joined === '') delete result[name]
    else result[name] = joined
  }
  return Object.assign(result, variables.set)
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

/**
 * The whole command that enters the environment and runs `command`, and its variables.
 * @throws AppError `env/command-missing` when no such program will be found inside,
 *   `env/command-refused` when it is a folder or not executable
 */
export function launchCommand(
  record: LaunchRecord,
  command: readonly string[],
  env: Environment,
): { readonly argv: readonly string[]; readonly env: Record<string, string> } {
  const variables = launchVariables(record.variables, env)
  const [program = ''] = command
  const isPath = program.includes('/')
  if (isPath) checkProgram(record, program)
  const found = isPath ? program : findInside(record, program, variables['PATH'] ?? '')
  if (found === undefined)
    throw new AppError('env/command-missing', `'${program}' was not found in the environment`, {
      hints: ['`backlot list` shows what the environment holds.'],
    })
  const carried = found.includes('=') ? [] : carryOver(record, variables)
  return { argv: [...record.argv, ...carried, found, ...command.slice(1)], env: variables }
}

/**
 * What stands before a command so that it gets variables whose names are none for a shell, such
 * as the functions that bash exports (`BASH_FUNC_module%%`): the `sh` that mounts the view may drop
 * them.
 */
function carryOver(record: LaunchRecord, env: Readonly<Record<string, string>>): readonly string[] {
  if (record.argv.length === 0) return []
  const odd = Object.keys(env).filter((name) => name !== '' && !/^[A-Za-z_]\w*$/.test(name))
  return odd.length === 0 ? [] : ['/usr/bin/env', ...odd.map((name) => `${name}=${env[name]}`)]
}

/** Looks a program up as it will be seen inside. */
function findInside(record: LaunchRecord, program: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => `${folder}/${program}`)
    .find((inside) => isProgram(outsideOf(record, inside)))
}

/** Where a file lies before the environment is entered: the view will lie over the prefix. */
function outsideOf({ mount }: LaunchRecord, inside: string): string {
  return mount !== undefined && isWithin(inside, mount.at)
    ? `${mount.from}${inside.slice(mount.at.length)}`
    : inside
}

/**
 * A path whose folder cannot be followed from here, or that is a link, is left to the kernel.
 * @throws AppError `env/command-missing`, `env/command-refused`
 */
function checkProgram(record: LaunchRecord, program: string): void {
  const path = outsideOf(record, resolve(program))
  let file: string
  try {
    file = outsideOf(record, `${realpathSync(dirname(path))}/${basename(path)}`)
  } catch {
    return
  }
  const found = lstatSync(file, { throwIfNoEntry: false })
  if (found === undefined) throw commandMissing(program)
  if (!found.isSymbolicLink() && !isProgram(file)) throw commandRefused(program)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false // Not there, or in a folder that may not be looked into.
  }
}
