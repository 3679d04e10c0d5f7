/**
 * The solver alone on Rez's own benchmark, beside the times that Rez 3.4 took on a like machine.
 *
 * Requests are solved once before they are timed, as Rez's were with all packages loaded. A verdict
 * that differs from Rez's, or a requested package that is older than in Rez's answer, ends it.
 */
import { solve } from '#solver/index.ts'
import { type BenchContext, median, milliseconds } from './harness.ts'
import { disagreement } from './rez-answer.ts'
import { readBenchmark, rezSource } from './rez-source.ts'
import type { Figure } from './schema.ts'

/** Median, 95th percentile and worst of one solve; without and with preferences below the roots. */
export async function solver({ say }: BenchContext): Promise<readonly Figure[]> {
  say("solving the requests of Rez's benchmark")
  const data = readBenchmark()
  const source = rezSource(data)
  const theirs = data.results.map((result) => result.cpu_seconds * 1000)
  const times = (polishBudget: number | undefined) =>
    data.requests.map((request, index) => {
      const roots = source.roots(request)
      const startedNs = Bun.nanoseconds()
      const solution = solve(source, roots, { polishBudget })
      const ms = (Bun.nanoseconds() - startedNs) / 1e6
      const wrong = disagreement(source, { request, solution, rez: data.results[index] })
      if (wrong !== undefined) throw new TypeError(`${request.join(' ')}: ${wrong}`)
      return ms
    })
  times(0)
  const figures = (name: string, ours: readonly number[]) =>
    [
      { what: 'median', of: median, bar: 8 },
      { what: '95th percentile', of: percentile95, bar: 60 },
      { what: 'worst', of: (values: readonly number[]) => Math.max(...values), bar: 150 },
    ].map(({ what, of, bar }) =>
      milliseconds(`${name}, ${what} (peer: Rez)`, { value: of(ours), bar, peer: of(theirs) }),
    )
  return [...figures('solve, first answer', times(0)), ...figures('solve', times(undefined))]
}

function percentile95(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.NaN
}
