/**
 * The project that the benchmarks of the command line run in: the example up to OpenEXR, built and
 * locked once in the store of the demo, which is kept between runs.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { type BenchContext, program } from './harness.ts'

const example = join(import.meta.dir, '../examples/openexr')

const ready = new Map<string, Promise<string>>()

/** The folder of the project, built and locked; the same one for every caller of a run. */
export function chain(context: BenchContext): Promise<string> {
  const known = ready.get(context.folder)
  if (known !== undefined) return known
  const preparing = prepare(context)
  ready.set(context.folder, preparing)
  return preparing
}

async function prepare({ backlot, folder, env, say }: BenchContext): Promise<string> {
  const cwd = join(folder, 'chain')
  cpSync(example, cwd, { recursive: true })
  say('building the chain (minutes the first time)')
  for (const argv of [
    [backlot, 'build'],
    [backlot, 'lock'],
    [backlot, 'run', '--', 'true'],
  ])
    await program(argv, { env, cwd }).run()
  return cwd
}
