/**
 * What the command line costs when there is nothing to do: its start, a repeated build and lock.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from '../tools/compile.ts'
import { chain } from './chain.ts'
import { type BenchContext, compare, measure, milliseconds, program } from './harness.ts'
import type { Figure } from './schema.ts'

/** `--version`, `build` and `lock`. */
export async function cli(context: BenchContext): Promise<readonly Figure[]> {
  return [await version(context), ...(await repeated(context))]
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
