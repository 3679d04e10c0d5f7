/**
 * Solving on Rez's own benchmark, beside Rez itself.
 *
 * Solving alone: catalogs are open and every request was solved once before, as Rez has all its
 * packages loaded. `solve --rez` gives Rez's answers; the solver by itself, with its preferences
 * below the roots (what `lock` does), is measured on the same requests. Then fresh processes of the
 * compiled program on the files on disk. An answer that differs from Rez's ends it.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openRezRepository, type Repository, rezUniverse, solveRez } from '#interop/index.ts'
import { parseRequirement } from '#model/index.ts'
import { solve } from '#solver/index.ts'
import {
  type BenchContext,
  bytes,
  duration,
  median,
  milliseconds,
  peakMemory,
  percentile,
} from './harness.ts'
import {
  readBenchmark,
  requestsToFail,
  type RezBenchmark,
  shown,
  writeRepository,
} from './rez-benchmark.ts'
import { measureRez, type RezPeer } from './rez-peer.ts'
import type { Figure } from './schema.ts'

/** The whole of the solver's numbers on the benchmark. */
export async function solver(context: BenchContext): Promise<readonly Figure[]> {
  const { folder, say } = context
  const data = readBenchmark()
  const repository = join(folder, 'rez-repository')
  say(`writing ${data.packages.length} packages as a Rez repository`)
  mkdirSync(repository)
  writeRepository(repository, data)
  const home = join(folder, 'rez-home')
  const env: Record<string, string> = { ...context.env, BACKLOT_HOME: home }
  const rez = measureRez(data, { repository, say })
  say('importing, then fresh processes')
  const importMs = duration([context.backlot, 'import', 'rez', repository], { env })
  const fresh = freshProcesses({ ...context, env }, data, repository)
  say('solving with all packages loaded')
  const opened = await openRezRepository(repository, { home, path: env['PATH'] ?? '' })
  const failures = await failureTimes(data, opened)
  return [
    ...alone('solve --rez', await rezTimes(data, opened), rez),
    ...alone('solver with preferences', solverTimes(data, opened), rez),
    milliseconds(`fresh process, median (peer: ${rez.source})`, {
      value: median(fresh.ms),
      bar: 50,
      peer: rez.freshMs.median,
    }),
    milliseconds(`fresh process, 95th percentile (peer: ${rez.source})`, {
      value: percentile(fresh.ms, 95),
      bar: 200,
      peer: rez.freshMs.p95,
    }),
    milliseconds(`first import (peer: ${rez.source})`, {
      value: importMs,
      bar: 3000,
      peer: rez.loadMs,
    }),
    milliseconds('failure explained, median', { value: median(failures), bar: 100, peer: null }),
    milliseconds('failure explained, worst', {
      value: Math.max(...failures),
      bar: 1000,
      peer: null,
    }),
    bytes(`peak memory of a solve (peer: ${rez.source})`, {
      value: fresh.memoryBytes,
      bar: 250e6,
      peer: rez.memoryBytes,
    }),
    bytes(`peak memory of the import (peer: ${rez.source})`, {
      value: peakMemory([context.backlot, 'import', 'rez', repository, '--afresh'], { env }),
      bar: 250e6,
      peer: rez.memoryBytes,
    }),
  ]
}

function alone(name: string, ours: readonly number[], { source, solveMs }: RezPeer): Figure[] {
  const rows = [
    { what: 'median', rank: 50, bar: 8 },
    { what: '95th percentile', rank: 95, bar: 60 },
    { what: 'worst', rank: 100, bar: 150 },
  ]
  return rows.map(({ what, rank, bar }) =>
    milliseconds(`${name}, ${what} (peer: ${source})`, {
      value: percentile(ours, rank),
      bar,
      peer: percentile(solveMs, rank),
    }),
  )
}

async function rezTimes(data: RezBenchmark, repository: Repository): Promise<number[]> {
  const once = async () => {
    const times: number[] = []
    for (const [index, request] of data.requests.entries()) {
      const startedNs = Bun.nanoseconds()
      const { solution } = await solveRez({ request, repositories: [repository] })
      times.push((Bun.nanoseconds() - startedNs) / 1e6)
      const ours = solution.kind === 'solved' ? shown(solution.packages) : []
      if (!Bun.deepEquals(ours, data.results[index]?.resolved))
        throw new TypeError(`${request.join(' ')}: the answer is not Rez's`)
    }
    return times
  }
  await once()
  return await once()
}

function solverTimes(data: RezBenchmark, repository: Repository): number[] {
  const once = () =>
    data.requests.map((request) => {
      const universe = rezUniverse({
        repositories: [repository],
        request: request.map((text) => parseRequirement(text, 'rez')),
        variantSelectMode: 'version_priority',
        before: undefined,
        phantoms: true,
      })
      const startedNs = Bun.nanoseconds()
      const { kind } = solve(universe, universe.roots)
      if (kind !== 'solved') throw new TypeError(`${request.join(' ')}: ${kind}`)
      return (Bun.nanoseconds() - startedNs) / 1e6
    })
  once()
  return once()
}

/** Times of failures only; one of the requests may have an answer. */
async function failureTimes(data: RezBenchmark, repository: Repository): Promise<number[]> {
  const times: number[] = []
  for (const request of requestsToFail(data)) {
    const startedNs = Bun.nanoseconds()
    const { solution } = await solveRez({ request, repositories: [repository] })
    if (solution.kind === 'failed') times.push((Bun.nanoseconds() - startedNs) / 1e6)
  }
  return times
}

/** The last requests of the data are its largest. */
const largest = 8

function freshProcesses(
  { backlot, env }: BenchContext,
  data: RezBenchmark,
  repository: string,
): { readonly ms: readonly number[]; readonly memoryBytes: number } {
  const runs = data.requests.map((request) => [
    backlot,
    'solve',
    '--rez',
    repository,
    '--format',
    'json',
    '--',
    ...request,
  ])
  return {
    ms: runs.map((argv) => duration(argv, { env })),
    memoryBytes: Math.max(...runs.slice(-largest).map((argv) => peakMemory(argv, { env }))),
  }
}
