import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { bestAnswer, isValid, type SmallProblem, sourceOf } from './brute-force.fixture.ts'
import { licensedProblems, smallProblems } from './small-problems.fixture.ts'
import { solve, solveInSlices } from './solve.ts'
import type { CandidateId, Dependency, Solution } from './source.ts'

const runs = { numRuns: 1000 }
/** Brute force takes seconds on a busy machine. */
const slowMs = 120_000

function choiceOf(problem: SmallProblem, candidates: readonly CandidateId[]) {
  const source = sourceOf(problem)
  const choice: (CandidateId | undefined)[] = problem.packages.map(() => undefined)
  for (const id of candidates) choice[source.packageOf(id)] = id
  return choice
}

test(
  'verdict and the whole preference equal brute force',
  () => {
    let solvable = 0
    fc.assert(
      fc.property(smallProblems, (problem) => {
        const want = bestAnswer(problem)
        const got = solve(sourceOf(problem), problem.roots)
        if (want === undefined) {
          expect(got.kind).toBe('unsolvable')
          return
        }
        solvable += 1
        expect(got).toMatchObject({ kind: 'solved', optimal: true, candidates: want })
      }),
      runs,
    )
    expect(solvable).toBeGreaterThan(runs.numRuns / 10)
  },
  slowMs,
)

test(
  'with objections: the best of the answers to which there is none',
  () => {
    const seen = { objected: 0, solved: 0 }
    fc.assert(
      fc.property(licensedProblems, (problem) => {
        const want = bestAnswer(problem)
        const got = solve(sourceOf(problem), problem.roots)
        if (want !== undefined) {
          seen.solved += 1
          expect(got).toMatchObject({ kind: 'solved', optimal: true, candidates: want })
          return
        }
        expect(got.kind).toBe('unsolvable')
        const isPossible = bestAnswer({ ...problem, licences: new Map() }) !== undefined
        if (got.kind === 'unsolvable') expect(got.objectedTo !== undefined).toBe(isPossible)
        if (isPossible) seen.objected += 1
      }),
      runs,
    )
    expect(seen.solved).toBeGreaterThan(runs.numRuns / 20)
    expect(seen.objected).toBeGreaterThan(runs.numRuns / 20)
  },
  slowMs,
)

test(
  'with little or no polish the answer is valid and its roots are the best',
  () => {
    const budgeted = fc.tuple(smallProblems, fc.integer({ min: 0, max: 40 }))
    fc.assert(
      fc.property(budgeted, ([problem, polishBudget]) => {
        const want = bestAnswer(problem)
        const got = solve(sourceOf(problem), problem.roots, { polishBudget })
        expect(got.kind).toBe(want === undefined ? 'unsolvable' : 'solved')
        if (got.kind !== 'solved' || want === undefined) return
        const rootCount = new Set(problem.roots.filter((r) => r.needed).map((r) => r.package)).size
        expect(got.candidates.slice(0, rootCount)).toEqual(want.slice(0, rootCount))
        expect(isValid(problem, choiceOf(problem, got.candidates))).toBe(true)
        if (got.optimal) expect([...got.candidates]).toEqual(want)
      }),
      runs,
    )
  },
  slowMs,
)

test(
  'a core is impossible, and dropping any one fact makes it possible',
  () => {
    fc.assert(
      fc.property(smallProblems, (problem) => {
        const got = solve(sourceOf(problem), problem.roots)
        if (got.kind !== 'unsolvable') return
        expect(got.minimal).toBe(true)
        expect(bestAnswer(onlyFacts(problem, got.core))).toBeUndefined()
        for (const fact of got.core) {
          const rest = got.core.filter((other) => other !== fact)
          expect(bestAnswer(onlyFacts(problem, rest))).toBeDefined()
        }
      }),
      { numRuns: 600 },
    )
  },
  slowMs,
)

function onlyFacts(
  problem: SmallProblem,
  facts: (Solution & { kind: 'unsolvable' })['core'],
): SmallProblem {
  const dependencies = new Map<CandidateId, Dependency[]>()
  for (const { from, dependency } of facts)
    if (from !== 'request') dependencies.set(from, [...(dependencies.get(from) ?? []), dependency])
  const roots = facts.filter((fact) => fact.from === 'request').map((fact) => fact.dependency)
  return { packages: problem.packages, dependencies, roots }
}

test(
  'ids and the order of allowed candidates do not matter',
  () => {
    const salted = fc.tuple<[SmallProblem, number]>(
      smallProblems,
      fc.integer({ min: 1, max: 1000 }),
    )
    fc.assert(
      fc.property(salted, ([problem, salt]) => {
        const rename = (id: number) => (id * 7919 + salt) % 99_991
        const back = new Map(problem.packages.flat().map((id) => [rename(id), id]))
        const swap = (list: readonly Dependency[]): Dependency[] =>
          list.map((dependency) => ({
            ...dependency,
            allowed: new Set([...dependency.allowed].map(rename).toReversed()),
          }))
        const renamed: SmallProblem = {
          ...problem,
          packages: problem.packages.map((all) => all.map(rename)),
          grades: new Map([...(problem.grades ?? [])].map(([id, grade]) => [rename(id), grade])),
          dependencies: new Map(
            [...problem.dependencies].map(([id, list]) => [rename(id), swap(list)]),
          ),
          roots: swap(problem.roots),
        }
        const one = solve(sourceOf(problem), problem.roots)
        const two = solve(sourceOf(renamed), renamed.roots)
        expect(two.kind).toBe(one.kind)
        if (one.kind !== 'solved' || two.kind !== 'solved') return
        expect(two.candidates.map((id) => back.get(id))).toEqual([...one.candidates])
        expect(two.work).toEqual(one.work)
      }),
      { numRuns: 500 },
    )
  },
  slowMs,
)

/** Every package wants a different candidate than each of the others: as many as holes, plus one. */
function pigeons(count: number): SmallProblem {
  const packages = Array.from({ length: count }, (_none, pigeon) =>
    Array.from({ length: count - 1 }, (_hole, hole) => pigeon * 100 + hole),
  )
  const dependencies = new Map(
    packages.flatMap((all) =>
      all.map((id) => {
        const others = packages.filter((other) => other !== all)
        const list = others.map((other) => ({
          package: packages.indexOf(other),
          needed: false,
          allowed: other.filter((candidate) => candidate % 100 !== id % 100),
          origin: 0,
        }))
        return [id, list] as const
      }),
    ),
  )
  const roots = packages.map((all, index) => ({
    package: index,
    needed: true,
    allowed: all,
    origin: index,
  }))
  return { packages, dependencies, roots }
}

test('pigeons: proven impossible, and every pigeon is in the core', () => {
  const problem = pigeons(5)
  const got = solve(sourceOf(problem), problem.roots)
  expect(got).toMatchObject({ kind: 'unsolvable', minimal: true })
  if (got.kind === 'unsolvable')
    expect(got.core.filter((fact) => fact.from === 'request')).toHaveLength(5)
})

test('a budget and a signal give their own outcomes, never a verdict', async () => {
  const problem = pigeons(9)
  const source = sourceOf(problem)
  expect(solve(source, problem.roots, { conflictBudget: 20 }).kind).toBe('budget')
  expect(solve(source, problem.roots, { signal: AbortSignal.abort() }).kind).toBe('cancelled')
  const controller = new AbortController()
  const slices = solveInSlices(source, problem.roots, { signal: controller.signal })
  controller.abort()
  expect((await slices).kind).toBe('cancelled')
})

test('an empty request is solved by nothing', () => {
  expect(solve(sourceOf({ packages: [], dependencies: new Map(), roots: [] }), [])).toMatchObject({
    kind: 'solved',
    candidates: [],
    optimal: true,
  })
})
