/**
 * The real program in a folder and a home of its own, with its output made comparable.
 *
 * It runs `src/main.ts`, or the compiled program that BACKLOT_PROGRAM names. Paths, times, sizes,
 * digests and this machine's target become `[project]`, `[home]`, `[time]`, `[digest]`, …
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'

export const root = join(import.meta.dir, '../..')

export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export type Running = Bun.Subprocess<'ignore', 'pipe', 'pipe'>

export interface Project extends Disposable {
  readonly folder: string
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  /** Runs the program to its end. */
  backlot(...args: readonly string[]): Promise<Outcome>
  /** Writes a file of the project. */
  write(path: string, text: string): void
  /** The output as a snapshot keeps it. */
  filtered(outcome: Outcome): string
  /** Runs lines one after the other; gives all that was printed, as a snapshot keeps it. */
  session(...lines: readonly string[]): Promise<string>
  /** Starts the program and lets it run. */
  start(...args: readonly string[]): Running
}

/** The program and its first arguments. */
export function programArgv(): string[] {
  const compiled = process.env['BACKLOT_PROGRAM']
  return compiled === undefined ? [process.execPath, join(root, 'src/main.ts')] : [compiled]
}

/** A folder with the given files, and an empty store. */
export function openProject(
  files: Readonly<Record<string, string>> = {},
  variables: Readonly<Record<string, string>> = {},
): Project {
  const temporary = temporaryFolder()
  const folder = join(temporary.path, 'project')
  const home = join(temporary.path, 'home')
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: temporary.path,
    BACKLOT_HOME: home,
    COLUMNS: '100',
    ...variables,
  }
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  mkdirSync(folder)
  for (const [path, text] of Object.entries(files)) write(path, text)
  const start = (...args: readonly string[]): Running =>
    Bun.spawn([...programArgv(), ...args], {
      cwd: folder,
      env,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
  const backlot = async (...args: readonly string[]): Promise<Outcome> =>
    await ended(start(...args))
  const paths = { [folder]: '[project]', [home]: '[home]', [temporary.path]: '[temporary]' }
  const filtered = (outcome: Outcome): string => filter(textOf(outcome), paths)
  return {
    folder,
    home,
    env,
    write,
    start,
    backlot,
    filtered,
    session: async (...lines) => {
      const parts: string[] = []
      for (const line of lines) {
        const outcome = await backlot(...line.split(' '))
        parts.push(`$ backlot ${line}\n${filtered(outcome)}\n`)
      }
      return parts.join('\n')
    },
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

/** Waits for the end of a program and gives what it wrote. */
export async function ended(child: Running): Promise<Outcome> {
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { exitCode, stdout, stderr }
}

/** What a program prints first while it goes on: one JSON document. */
export async function firstDocument(child: Running): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true })
    if (text.endsWith('}\n')) return text
  }
  return text
}

function textOf({ exitCode, stdout, stderr }: Outcome): string {
  return [`exit ${exitCode}`, section('stdout', stdout), section('stderr', stderr)].join('')
}

function filter(text: string, paths: Readonly<Record<string, string>>): string {
  return Object.entries({ ...paths, [root]: '[root]' })
    .reduce((left, [path, name]) => left.replaceAll(path, name), text)
    .replaceAll(/\b(?:sha256:[0-9a-f]{64}|[0-9a-f]{64}|[0-9a-f]{12})\b/g, '[digest]')
    .replaceAll(/\b(?:linux|macos|windows)-(?:x86_64|aarch64|arm64)\b/g, '[target]')
    .replaceAll(/\b\d+(?:\.\d+)? [kMG]?B\b/g, '[size]')
    .replaceAll(/\b\d+ min \d\d s\b|\b\d+(?:\.\d+)? m?s\b/g, '[time]')
}

function section(name: string, text: string): string {
  return text === '' ? '' : `\n--- ${name}\n${text.replace(/\n$/, '')}`
}
