/** Our solvers beside the oracle, on generated problems and on requests of Rez's benchmark. */
import * as fc from 'fast-check'
import { readBenchmark, requestsToFail } from '../../bench/rez-benchmark.ts'
import { catalogOf } from '../../src/interop/repository.fixture.ts'
import { sourceOf } from '../../src/solver/brute-force.fixture.ts'
import { smallProblems } from '../../src/solver/small-problems.fixture.ts'
import { rezUniverse, solveRez } from '#interop/index.ts'
import { parseRequirement } from '#model/index.ts'
import { type Dependency, type PackageSource, solve } from '#solver/index.ts'
import { askOracle, ranksOf } from './asp.ts'

/** What differs, in words; empty when nothing does. */
function differences(source: PackageSource, roots: readonly Dependency[]): string[] {
  const theirs = askOracle(source, roots)
  const ours = solve(source, roots)
  if (ours.kind !== theirs.kind) return [`ours ${ours.kind}, the oracle ${theirs.kind}`]
  if (ours.kind !== 'solved' || theirs.kind !== 'solved') return []
  const ranks = ranksOf(source, roots, ours.candidates)
  const isSame = ranks.join() === theirs.ranks.join()
  return isSame ? [] : [`ours ${ranks.join()}, the oracle ${theirs.ranks.join()}`]
}

/** Differences on problems from a seed. */
export function generated(count: number, seed: number): string[] {
  return fc
    .sample(smallProblems, { numRuns: count, seed })
    .flatMap((problem) => differences(sourceOf(problem), problem.roots))
}

const data = readBenchmark()
const repositories = [{ path: '/repository', catalog: catalogOf(data.packages) }]

/** Requests of the benchmark, and some that fail. */
export const requests: readonly (readonly string[])[] = [...data.requests, ...requestsToFail(data)]

/** Differences on one request: of the solver by itself, and of the verdict of `solve --rez`. */
export async function onBenchmark(request: readonly string[]): Promise<string[]> {
  const universe = rezUniverse({
    repositories,
    request: request.map((text) => parseRequirement(text, 'rez')),
    variantSelectMode: 'version_priority',
    before: undefined,
    phantoms: true,
  })
  const found = differences(universe, universe.roots)
  const { solution } = await solveRez({ request, repositories })
  const { kind } = askOracle(universe, universe.roots)
  const isSame = (solution.kind === 'solved') === (kind === 'solved')
  return isSame ? found : [...found, `solve --rez ${solution.kind}, the oracle ${kind}`]
}
