/**
 * The project that the benchmarks of the command line run in: the chain up to OpenEXR, built and
 * locked once in a store of the benchmarks' own, which is kept between runs.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BenchContext, program } from './harness.ts'

const project = `environment:
  platform: CY2023
  packages: [openexr 3.1.5, imath 3.1.6, pybind11 2.10.3, libdeflate 1.14]
`

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
  mkdirSync(cwd, { recursive: true })
  writeFileSync(join(cwd, 'backlot.yaml'), project)
  say('building the chain (minutes the first time)')
  for (const argv of [
    [backlot, 'build'],
    [backlot, 'lock'],
    [backlot, 'run', '--', 'true'],
  ])
    await program(argv, { env, cwd }).run()
  return cwd
}
