/** Causes and repairs of small problems against brute force. */
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { bestAnswer, isValid, type SmallProblem, sourceOf } from './brute-force.fixture.ts'
import { separateCauses } from './disjoint.ts'
import type { Loosening } from './places.ts'
import { type Repair, repairsOf } from './repairs.ts'
import { smallProblems } from './small-problems.fixture.ts'
import { solve } from './solve.ts'
import type { CandidateId, CoreFact, Dependency } from './source.ts'
import { isSameDemand } from './verdict.ts'

/** Brute force takes seconds on a busy machine. */
const slowMs = 120_000

function explained(problem: SmallProblem) {
  const source = sourceOf(problem)
  const first = solve(source, problem.roots)
  if (first.kind !== 'unsolvable') return undefined
  const variation = { source, roots: problem.roots }
  const { causes, complete } = separateCauses(
    variation,
    { facts: first.core, minimal: first.minimal },
    { effort: { left: 1e7 }, causesMax: 20 },
  )
  const { repairs } = repairsOf(
    variation,
    causes.map(({ facts }) => facts),
    {
      effort: { left: 1e7 },
      repairsMax: 50,
      tier: ({ from }) => (from === 'request' ? 0 : 1),
      nearest: ({ package: index, allowed }) => {
        const [all, own] = [problem.packages[index] ?? [], new Set(allowed)]
        return [...all.filter((id) => own.has(id)), ...all.filter((id) => !own.has(id))]
      },
      alike: (id) => [id],
    },
  )
  return { causes, complete, repairs }
}

function onlyFacts(problem: SmallProblem, facts: readonly CoreFact[]): SmallProblem {
  const dependencies = new Map<CandidateId, Dependency[]>()
  for (const { from, dependency } of facts)
    if (from !== 'request') dependencies.set(from, [...(dependencies.get(from) ?? []), dependency])
  const roots = facts.filter((fact) => fact.from === 'request').map((fact) => fact.dependency)
  return { ...problem, dependencies, roots }
}

const nameOf = ({ from, dependency }: CoreFact): string =>
  [
    from,
    dependency.package,
    dependency.needed,
    ...[...dependency.allowed].sort((a, b) => a - b),
  ].join()

test(
  'every cause is impossible and minimal, no two share a fact, and there is no other one',
  () => {
    let several = 0
    fc.assert(
      fc.property(smallProblems, (problem) => {
        const got = explained(problem)
        if (got === undefined) return
        for (const { facts, minimal } of got.causes) {
          expect(minimal).toBe(true)
          expect(bestAnswer(onlyFacts(problem, facts))).toBeUndefined()
          for (const fact of facts)
            expect(bestAnswer(onlyFacts(problem, without(facts, fact)))).toBeDefined()
        }
        const names = got.causes.flatMap(({ facts }) => facts.map(nameOf))
        expect(new Set(names).size).toBe(names.length)
        if (got.causes.length > 1) several += 1
        expect(got.complete).toBe(true)
        const told = new Set(names)
        const rest = factsOf(problem).filter((fact) => !told.has(nameOf(fact)))
        expect(bestAnswer(onlyFacts(problem, rest))).toBeDefined()
      }),
      { numRuns: 500 },
    )
    expect(several).toBeGreaterThan(10)
  },
  slowMs,
)

function without<Item>(all: readonly Item[], out: Item): readonly Item[] {
  return all.filter((one) => one !== out)
}

function factsOf({ roots, dependencies }: SmallProblem): CoreFact[] {
  const own = roots.map((dependency): CoreFact => ({ from: 'request', dependency }))
  const others = [...dependencies].flatMap(([from, list]) =>
    list.map((dependency): CoreFact => ({ from, dependency })),
  )
  return [...own, ...others]
}

test(
  'every repair solves, gives what it says, and no repair is given twice',
  () => {
    let repaired = 0
    fc.assert(
      fc.property(smallProblems, (problem) => {
        const got = explained(problem)
        if (got === undefined) return
        for (const repair of got.repairs) {
          const changed = changedBy(problem, repair.changes)
          const want = bestAnswer(changed)
          const rootCount = new Set(changed.roots.filter((one) => one.needed).map((r) => r.package))
          expect(repair.candidates.slice(0, rootCount.size)).toEqual(
            (want ?? []).slice(0, rootCount.size),
          )
          expect(want).toBeDefined()
          expect(isValid(changed, choiceOf(problem, repair))).toBe(true)
          for (const change of repair.changes) {
            const fewer = changedBy(problem, without(repair.changes, change))
            expect(bestAnswer(fewer)).toBeUndefined()
          }
        }
        const names = got.repairs.map(({ changes }) => changes.map(changeName).sort().join('+'))
        expect(new Set(names).size).toBe(names.length)
        if (names.length > 0) repaired += 1
      }),
      { numRuns: 500 },
    )
    expect(repaired).toBeGreaterThan(50)
  },
  slowMs,
)

function changeName({ fact, letIn }: Loosening): string {
  return `${nameOf(fact)}>${letIn?.join() ?? 'out'}`
}

function changedBy(problem: SmallProblem, changes: readonly Loosening[]): SmallProblem {
  const change = (from: CandidateId | 'request', list: readonly Dependency[]) =>
    list.flatMap((own): readonly Dependency[] => {
      const found = changes.find(
        ({ fact }) => fact.from === from && isSameDemand(fact.dependency, own),
      )
      if (found === undefined) return [own]
      return found.letIn === undefined
        ? []
        : [{ ...own, allowed: [...own.allowed, ...found.letIn] }]
    })
  return {
    ...problem,
    roots: change('request', problem.roots),
    dependencies: new Map([...problem.dependencies].map(([id, list]) => [id, change(id, list)])),
  }
}

function choiceOf(problem: SmallProblem, { candidates }: Repair) {
  const source = sourceOf(problem)
  const choice: (CandidateId | undefined)[] = problem.packages.map(() => undefined)
  for (const id of candidates) choice[source.packageOf(id)] = id
  return choice
}

test(
  'when one change to the request is enough, such a repair is found and comes first',
  () => {
    let checked = 0
    fc.assert(
      fc.property(smallProblems, (problem) => {
        const got = explained(problem)
        if (got === undefined || !oneIsEnough(problem)) return
        checked += 1
        const [best] = got.repairs
        expect(best?.changes.map(({ fact }) => fact.from)).toEqual(['request'])
      }),
      { numRuns: 500 },
    )
    expect(checked).toBeGreaterThan(30)
  },
  slowMs,
)

test.each([3, 4, 6])('where only %d changes together help, they are found', (count) => {
  const limited = Array.from({ length: count }, (_none, at) => at + 1)
  const demand = (index: number, allowed: readonly number[], needed = true): Dependency => {
    return { package: index, needed, allowed, origin: index }
  }
  const problem: SmallProblem = {
    packages: [[0], ...limited.map((index) => [index * 10, index * 10 + 1])],
    dependencies: new Map([[0, limited.map((index) => demand(index, [index * 10]))]]),
    roots: [demand(0, [0]), ...limited.map((index) => demand(index, [index * 10 + 1], false))],
  }
  const [best, other] = explained(problem)?.repairs ?? []
  expect(best?.changes.map(({ fact }) => fact)).toEqual(
    problem.roots.slice(1).map((dependency) => ({ from: 'request', dependency })),
  )
  expect(best?.candidates).toEqual([0, ...limited.map((index) => index * 10)])
  expect(other?.changes).toHaveLength(count)
})

/** Whether leaving out one demand of the request (and its equals) makes it solvable. */
function oneIsEnough(problem: SmallProblem): boolean {
  return problem.roots.some((root) => {
    const roots = problem.roots.filter((one) => !isSameDemand(one, root))
    const asksForSomething = roots.some(({ needed }) => needed)
    return asksForSomething && bestAnswer({ ...problem, roots }) !== undefined
  })
}
