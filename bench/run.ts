/**
 * What entering an environment costs a command: `backlot run -- true` against `sh -c true`.
 */
import { chain } from './chain.ts'
import { type BenchContext, compare, milliseconds, program } from './harness.ts'
import type { Figure } from './schema.ts'

/** How much longer than the bare command it may take, in milliseconds. */
const allowedMs = 20

/** `run` in a locked and linked environment, mounted and by variables only. */
export async function run(context: BenchContext): Promise<readonly Figure[]> {
  const { backlot, env, say } = context
  const cwd = await chain(context)
  const bare = program(['sh', '-c', 'true'], { env, cwd })
  const figures: Figure[] = []
  for (const mode of ['mount', 'path']) {
    say(`run -- true, ${mode}`)
    const own = program([backlot, 'run', '--launch', mode, '--', 'true'], { env, cwd })
    const { ownMs, peerMs } = await compare(own, bare, { rounds: 41 })
    figures.push(
      milliseconds(`run -- true, ${mode} (peer: sh -c true)`, {
        value: ownMs,
        bar: peerMs + allowedMs,
        peer: peerMs,
      }),
    )
  }
  return figures
}
