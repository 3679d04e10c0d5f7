/**
 * The slow and obvious solver that tests compare with: every combination, checked one by one.
 *
 * Not here: anything that the real solver uses.
 */
import type { CandidateId, Dependency, PackageId, PackageSource } from './source.ts'

/** A small problem, whole in memory. */
export interface SmallProblem {
  /** By package: its candidates, best first. */
  readonly packages: readonly (readonly CandidateId[])[]
  readonly dependencies: ReadonlyMap<CandidateId, readonly Dependency[]>
  readonly roots: readonly Dependency[]
  /** Packages that no answer is larger for. */
  readonly free?: ReadonlySet<PackageId>
}

export function sourceOf(problem: SmallProblem): PackageSource {
  const owner = new Map<CandidateId, PackageId>()
  problem.packages.forEach((all, index) => all.forEach((id) => owner.set(id, index)))
  return {
    candidates: (id) => problem.packages[id] ?? [],
    dependencies: (id) => problem.dependencies.get(id) ?? [],
    packageOf: (id) => owner.get(id) ?? -1,
    isFree: (id) => problem.free?.has(id) ?? false,
  }
}

/** Whether a choice (one candidate or none by package) breaks no demand of what it holds. */
export function isValid(problem: SmallProblem, choice: readonly (CandidateId | undefined)[]) {
  const holds = (dependency: Dependency): boolean => {
    const chosen = choice[dependency.package]
    return chosen === undefined ? !dependency.needed : [...dependency.allowed].includes(chosen)
  }
  return (
    problem.roots.every(holds) &&
    choice.every((id) => id === undefined || (problem.dependencies.get(id) ?? []).every(holds))
  )
}

/** Every valid choice without idle packages, as candidates in walking order. */
function allAnswers(problem: SmallProblem): CandidateId[][] {
  const answers = new Map<string, CandidateId[]>()
  const choice: (CandidateId | undefined)[] = []
  const extend = (): void => {
    if (choice.length === problem.packages.length) {
      if (!isValid(problem, choice)) return
      const answer = walked(problem, choice)
      answers.set(answer.join(), answer)
      return
    }
    for (const id of [undefined, ...(problem.packages[choice.length] ?? [])]) {
      choice.push(id)
      extend()
      choice.pop()
    }
  }
  extend()
  return [...answers.values()]
}

/** The needed packages of a valid choice: the roots in request order, then breadth first. */
function walked(problem: SmallProblem, choice: readonly (CandidateId | undefined)[]) {
  const queue = [...new Set(problem.roots.filter((root) => root.needed).map((r) => r.package))]
  const seen = new Set(queue)
  const answer: CandidateId[] = []
  for (const index of queue) {
    const id = choice[index] ?? -1
    answer.push(id)
    for (const { needed, package: next } of problem.dependencies.get(id) ?? [])
      if (needed && !seen.has(next)) {
        seen.add(next)
        queue.push(next)
      }
  }
  return answer
}

/** The answer that every preference together asks for; undefined when there is none. */
export function bestAnswer(problem: SmallProblem): CandidateId[] | undefined {
  const rootCount = new Set(problem.roots.filter((r) => r.needed).map((r) => r.package)).size
  const rank = new Map(problem.packages.flatMap((all) => all.map((id, at) => [id, at] as const)))
  const owner = new Map(problem.packages.flatMap((all, at) => all.map((id) => [id, at] as const)))
  const counted = (answer: readonly CandidateId[]) =>
    answer.filter((id, at) => at < rootCount || !problem.free?.has(owner.get(id) ?? -1)).length
  const ranks = (answer: readonly CandidateId[]) => answer.map((id) => rank.get(id) ?? -1)
  const sorted = allAnswers(problem).sort((a, b) => {
    const [left, right] = [ranks(a), ranks(b)]
    return (
      compareLists(left.slice(0, rootCount), right.slice(0, rootCount)) ||
      counted(a) - counted(b) ||
      compareLists(left, right)
    )
  })
  return sorted[0]
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++)
    if (a[at] !== b[at]) return (a[at] ?? 0) - (b[at] ?? 0)
  return 0
}
