/**
 * The real program in a folder and a home of its own, with its output made comparable.
 *
 * It runs `src/main.ts`, or the compiled program that BACKLOT_PROGRAM names. Paths, times, digests
 * and this machine's target become `[project]`, `[home]`, `[time]`, `[digest]`, `[target]`.
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
  return {
    folder,
    home,
    env,
    write,
    backlot: async (...args) => await start([...programArgv(), ...args], folder, env),
    filtered: (outcome) =>
      [
        `exit ${outcome.exitCode}`,
        section('stdout', outcome.stdout),
        section('stderr', outcome.stderr),
      ]
        .join('')
        .replaceAll(folder, '[project]')
        .replaceAll(home, '[home]')
        .replaceAll(temporary.path, '[temporary]')
        .replaceAll(root, '[root]')
        .replaceAll(/\b(?:sha256:[0-9a-f]{64}|[0-9a-f]{64}|[0-9a-f]{12})\b/g, '[digest]')
        .replaceAll(/\b(?:linux|macos|windows)-(?:x86_64|aarch64|arm64)\b/g, '[target]')
        .replaceAll(/\b\d+ min \d\d s\b|\b\d+(?:\.\d+)? m?s\b/g, '[time]'),
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

async function start(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const child = Bun.spawn([...argv], { cwd, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { exitCode, stdout, stderr }
}

function section(name: string, text: string): string {
  return text === '' ? '' : `\n--- ${name}\n${text.replace(/\n$/, '')}`
}
