/**
 * Compiles `src/main.ts` to a one-file program, for this machine or for another target.
 *
 * The flags are those that start fastest (measured: code splitting with bytecode costs nothing
 * over an empty program until a chunk is needed). A program does not read the `.env` or
 * `bunfig.toml` of the folder it is started in, because that folder may be anybody's.
 */
import { join } from 'node:path'
import { AppError } from '#kernel/index.ts'
import { throughDoors } from './doors.ts'

const root = join(import.meta.dir, '..')

export interface CompileOptions {
  readonly outfile: string
  /** The runtime to put the program into; this one when undefined. */
  readonly runtime?: { readonly target: Bun.Build.CompileTarget; readonly path: string }
  /** Another program than Backlot, with the same flags: what `bench` compares with. */
  readonly entrypoints?: readonly string[]
}

/** Entry points of Backlot: its main program, and what it runs in threads. */
export function entrypoints(): string[] {
  const workers = new Bun.Glob('src/**/*-worker.ts').scanSync({ cwd: root })
  return ['src/main.ts', ...[...workers].sort()].map((path) => join(root, path))
}

/** @throws AppError `kernel/program-failed` with what the bundler said. */
export async function compile(options: CompileOptions): Promise<void> {
  const { runtime } = options
  const own = options.entrypoints === undefined
  const result = await Bun.build({
    entrypoints: [...(options.entrypoints ?? entrypoints())],
    root: own ? join(root, 'src') : root,
    target: 'bun',
    format: 'esm',
    minify: true,
    splitting: true,
    bytecode: true,
    throw: false,
    plugins: [throughDoors(join(root, 'src'))],
    compile: {
      outfile: options.outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      ...(runtime === undefined ? {} : { target: runtime.target, executablePath: runtime.path }),
    },
  })
  if (result.success) return
  const said = result.logs.map(String).join('\n')
  throw new AppError('kernel/program-failed', `Cannot compile ${options.outfile}:\n${said}`)
}
