/**
 * Rez as a peer: its figures, measured in this run where `python3` has it, else those published.
 *
 * Published: rez 3.4.0 on Python 3.11, all 64 requests, as in data/rez-benchmark.json.gz; processes
 * and memory of the same machine. Nothing is installed: `pip install rez==3.4.0`, in a virtual
 * environment whose programs come first on `PATH`, makes it found.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { percentile } from './harness.ts'
import type { RezBenchmark } from './rez-benchmark.ts'

const script = join(import.meta.dir, 'rez-peer.py')
/** Rez takes seconds for each. */
const solved = 12
const fresh = 6

export interface RezPeer {
  /** How the figures came about, for their names. */
  readonly source: string
  readonly solveMs: readonly number[]
  readonly freshMs: { readonly median: number; readonly p95: number }
  readonly loadMs: number
  readonly memoryBytes: number
}

const Loaded = z.object({
  loadMs: z.number(),
  solveMs: z.array(z.number()),
  memoryBytes: z.number(),
})

/** Rez's figures on a repository that holds the benchmark's packages. */
export function measureRez(
  data: RezBenchmark,
  { repository, say }: { readonly repository: string; readonly say: (text: string) => void },
): RezPeer {
  if (!Bun.spawnSync(['python3', '-c', 'import rez.solver'], quiet).success) {
    say('Rez is not installed (pip install rez==3.4.0): its published figures are shown')
    const solveMs = data.results.map((result) => result.cpu_seconds * 1000)
    const freshMs = { median: 2400, p95: 14_000 }
    return { source: 'Rez, published', solveMs, freshMs, loadMs: 19_000, memoryBytes: 727e6 }
  }
  say(`Rez loads every package and solves ${solved} of the requests (minutes)`)
  const requests = spread(data.requests, solved)
  const loaded = Loaded.parse(JSON.parse(said(['load', repository], JSON.stringify(requests))))
  const freshMs = spread(data.requests, fresh).map((request) => {
    const startedNs = Bun.nanoseconds()
    said(['fresh', repository, ...request])
    return (Bun.nanoseconds() - startedNs) / 1e6
  })
  return {
    source: `Rez, ${solved} requests loaded, ${fresh} fresh`,
    ...loaded,
    freshMs: { median: percentile(freshMs, 50), p95: percentile(freshMs, 95) },
  }
}

const quiet = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const

function said(args: readonly string[], input = ''): string {
  const child = Bun.spawnSync(['python3', script, ...args], {
    stdin: Buffer.from(input),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  if (child.success) return child.stdout.toString()
  throw new Error(`Rez failed:\n${child.stderr.toString()}`)
}

/** Some of a list, from its first to its last, evenly. */
function spread<Item>(all: readonly Item[], count: number): Item[] {
  return Array.from(
    { length: count },
    (_, index) => all[Math.round((index * (all.length - 1)) / (count - 1))],
  ).filter((one) => one !== undefined)
}
