/**
 * How benchmarks measure: medians of rounds in which we and the peer take turns.
 *
 * Turns spread what else the machine does over both sides; a median forgets the worst of it. Two
 * rounds before the first are thrown away, because they fill caches.
 */
import type { Figure } from './schema.ts'

export interface BenchContext {
  /** The compiled program. */
  readonly backlot: string
  /** A folder of this run, removed at its end. */
  readonly folder: string
  /** Environment for child processes; `BACKLOT_HOME` is a store of the benchmarks' own. */
  readonly env: Readonly<Record<string, string>>
  /** Where plots are drawn; nowhere when undefined. */
  readonly plots: string | undefined
  /** How long what runs for long runs. */
  readonly minutes: number
  /** A line on what is going on, for the terminal. */
  readonly say: (text: string) => void
}

/** Gives the figures of one subject. */
export type Benchmark = (context: BenchContext) => Promise<readonly Figure[]>

/** One side of a comparison: does the work once; what it prepares in `before` is not timed. */
export interface Side {
  readonly before?: () => void | Promise<void>
  readonly run: () => void | Promise<void>
}

export interface Medians {
  readonly ownMs: number
  readonly peerMs: number
}

const warmUps = 2

/** Median times of both sides over `rounds` rounds in turns. */
export async function compare(
  own: Side,
  peer: Side,
  { rounds, warm = warmUps }: { rounds: number; warm?: number },
): Promise<Medians> {
  const times: { own: number[]; peer: number[] } = { own: [], peer: [] }
  for (let round = -warm; round < rounds; round += 1) {
    const ownMs = await timed(own)
    const peerMs = await timed(peer)
    if (round < 0) continue
    times.own.push(ownMs)
    times.peer.push(peerMs)
  }
  return { ownMs: median(times.own), peerMs: median(times.peer) }
}

/** Median time of work that has no peer. */
export async function measure(own: Side, { rounds }: { rounds: number }): Promise<number> {
  const times: number[] = []
  for (let round = -1; round < rounds; round += 1) {
    const ownMs = await timed(own)
    if (round >= 0) times.push(ownMs)
  }
  return median(times)
}

async function timed(side: Side): Promise<number> {
  await side.before?.()
  const startedNs = Bun.nanoseconds()
  await side.run()
  return (Bun.nanoseconds() - startedNs) / 1e6
}

/** The middle one of the values, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The smallest value that at least this share of them, in per cent, does not exceed. */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil((sorted.length * rank) / 100) - 1] ?? Number.NaN
}

interface Surroundings {
  readonly env: Readonly<Record<string, string>>
}

/** Runs a program once and gives how long it took from start to end, in milliseconds. */
export function duration(argv: readonly string[], { env }: Surroundings): number {
  const startedNs = Bun.nanoseconds()
  const child = Bun.spawnSync([...argv], { env: { ...env }, stdout: 'pipe', stderr: 'pipe' })
  const ms = (Bun.nanoseconds() - startedNs) / 1e6
  if (child.success) return ms
  throw new Error(`${argv.join(' ')} ended with ${child.exitCode}:\n${child.stderr.toString()}`)
}

const askPeak =
  'const { resourceUsage } = Bun.spawnSync(process.argv.slice(1)); console.log(resourceUsage.maxRSS)'

/**
 * The peak memory of a program, in bytes. It is started by a small process, because what starts a
 * program on Linux lends it its own size as the least that is reported.
 */
export function peakMemory(argv: readonly string[], { env }: Surroundings): number {
  const child = Bun.spawnSync([process.execPath, '-e', askPeak, ...argv], {
    env: { ...env },
    stdout: 'pipe',
  })
  return Number(child.stdout.toString())
}

/** A side that runs a program to its end. A failure ends the benchmark, with the program's words. */
export function program(
  argv: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly cwd?: string },
): Side {
  return {
    run: () => {
      const child = Bun.spawnSync([...argv], {
        env: { ...options.env },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        stdin: 'ignore',
        stdout: 'ignore',
        stderr: 'pipe',
      })
      if (child.success) return
      throw new Error(`${argv.join(' ')} ended with ${child.exitCode}:\n${child.stderr.toString()}`)
    },
  }
}

/** A figure in milliseconds. */
export function milliseconds(
  name: string,
  { value, bar, peer }: { value: number; bar: number; peer: number | null },
): Figure {
  const round = (ms: number) => Math.round(ms * 100) / 100
  const rounded = peer === null ? null : round(peer)
  return {
    name,
    value: round(value),
    unit: 'ms',
    bar: round(bar),
    peer: rounded,
    ok: value <= bar,
  }
}

/** A figure in bytes. */
export function bytes(
  name: string,
  { value, bar, peer }: { value: number; bar: number; peer: number | null },
): Figure {
  return { name, value, unit: 'B', bar, peer, ok: value <= bar }
}
