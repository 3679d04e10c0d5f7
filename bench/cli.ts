/**
 * What the command line costs when there is nothing to do: its start, a repeated build and lock;
 * and a lock from nothing in a project with many recipes.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from '../tools/compile.ts'
import { chain } from './chain.ts'
import { type BenchContext, compare, measure, milliseconds, program } from './harness.ts'
import { projectOfMany } from './recipes.ts'
import type { Figure } from './schema.ts'

/** `--version`, `build` and `lock`. */
export async function cli(context: BenchContext): Promise<readonly Figure[]> {
  return [await version(context), ...(await repeated(context)), await fresh(context)]
}

async function version({ backlot, folder, env, say }: BenchContext): Promise<Figure> {
  say('--version against an empty program')
  const source = join(folder, 'empty.ts')
  const empty = join(folder, 'empty')
  writeFileSync(source, '')
  await compile({ outfile: empty, entrypoints: [source] })
  const own = program([backlot, '--version'], { env })
  const { ownMs, peerMs } = await compare(own, program([empty], { env }), { rounds: 41 })
  const name = '--version (peer: an empty compiled program)'
  return milliseconds(name, { value: ownMs, bar: peerMs + 8, peer: peerMs })
}

async function repeated(context: BenchContext): Promise<Figure[]> {
  const { backlot, env, say } = context
  const cwd = await chain(context)
  say('build and lock with nothing to do')
  const again = async (command: string, bar: number) => {
    const value = await measure(program([backlot, command], { env, cwd }), { rounds: 11 })
    return milliseconds(`${command}, nothing to do`, { value, bar, peer: null })
  }
  return [await again('build', 250), await again('lock', 100)]
}

/** No lockfile, a process that knows nothing; recipes were read by an earlier one. */
async function fresh({ backlot, folder, env, say }: BenchContext): Promise<Figure> {
  say('a lock from nothing among 2,000 recipes')
  const cwd = projectOfMany(folder, 2000)
  const lock = program([backlot, 'lock'], { env, cwd })
  const before = () => rmSync(join(cwd, 'backlot.lock'), { force: true })
  const value = await measure({ ...lock, before }, { rounds: 11 })
  return milliseconds('lock among 2,000 recipes, fresh', { value, bar: 250, peer: null })
}
