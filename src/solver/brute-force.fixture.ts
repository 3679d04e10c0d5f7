/**
 * The slow and obvious solver that tests compare with: every combination, checked one by one.
 *
 * Not here: anything that the real solver uses.
 */
import type { CandidateId, Dependency, Objection, PackageId, PackageSource } from './source.ts'

/** A small problem, whole in memory. */
export interface SmallProblem {
  /** By package: its candidates, best first. */
  readonly packages: readonly (readonly CandidateId[])[]
  readonly dependencies: ReadonlyMap<CandidateId, readonly Dependency[]>
  readonly roots: readonly Dependency[]
  /** Packages that no answer is larger for. */
  readonly free?: ReadonlySet<PackageId>
  /** Of some candidates; the others have one of their own. */
  readonly grades?: ReadonlyMap<CandidateId, number>
  /** By candidate: others of which one has to be in the answer with it. */
  readonly licences?: ReadonlyMap<CandidateId, readonly CandidateId[]>
}

export function sourceOf(problem: SmallProblem): PackageSource {
  const owner = new Map<CandidateId, PackageId>()
  problem.packages.forEach((all, index) => all.forEach((id) => owner.set(id, index)))
  return {
    candidates: (id) => problem.packages[id] ?? [],
    dependencies: (id) => problem.dependencies.get(id) ?? [],
    packageOf: (id) => owner.get(id) ?? -1,
    isFree: (id) => problem.free?.has(id) ?? false,
    gradeOf: (id) => gradeOf(problem, id),
    objectionTo: (answer) => objectionTo(problem, answer),
  }
}

function gradeOf({ grades }: SmallProblem, id: CandidateId): number {
  return grades?.get(id) ?? id
}

/** The first candidate without a licence; something else of the answer has to change. */
function objectionTo(
  { packages, licences }: SmallProblem,
  answer: readonly CandidateId[],
): Objection | undefined {
  const candidate = answer.find((id) => !isLicensed(licences, id, answer))
  if (candidate === undefined) return undefined
  const chosen = new Set(answer)
  const rows = packages.filter((all) => all.some((id) => chosen.has(id)))
  return { candidate, unless: rows.flat().filter((id) => !chosen.has(id)) }
}

function isLicensed(
  licences: SmallProblem['licences'],
  id: CandidateId,
  answer: readonly CandidateId[],
): boolean {
  return licences?.get(id)?.some((one) => answer.includes(one)) ?? true
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

/** Candidates of an answer by their distance from the request. */
type Levels = readonly (readonly CandidateId[])[]

/** Every valid choice without idle packages that nothing is objected to. */
function allAnswers(problem: SmallProblem): Levels[] {
  const answers = new Map<string, Levels>()
  const choice: (CandidateId | undefined)[] = []
  const extend = (): void => {
    if (choice.length === problem.packages.length) {
      if (!isValid(problem, choice)) return
      const answer = levelsOf(problem, choice)
      const all = answer.flat()
      if (all.every((id) => isLicensed(problem.licences, id, all))) answers.set(all.join(), answer)
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

/** The needed packages of a valid choice: the roots, what they need, what that needs. */
function levelsOf(problem: SmallProblem, choice: readonly (CandidateId | undefined)[]): Levels {
  let level = [...new Set(problem.roots.filter((root) => root.needed).map((r) => r.package))]
  const seen = new Set(level)
  const levels: CandidateId[][] = []
  while (level.length > 0) {
    const ids = level.map((index) => choice[index] ?? -1)
    levels.push(ids)
    const demands = ids.flatMap((id) => problem.dependencies.get(id) ?? [])
    const next = demands.filter(({ needed }) => needed).map((demand) => demand.package)
    level = [...new Set(next)].filter((index) => !seen.has(index))
    for (const index of level) seen.add(index)
  }
  return levels
}

/** The answer that every preference together asks for; undefined when there is none. */
export function bestAnswer(problem: SmallProblem): CandidateId[] | undefined {
  const rank = new Map(problem.packages.flatMap((all) => all.map((id, at) => [id, at] as const)))
  const owner = new Map(problem.packages.flatMap((all, at) => all.map((id) => [id, at] as const)))
  /** The place of a candidate's grade is that of the best candidate of it. */
  const gradeRank = (id: CandidateId): number => {
    const all = problem.packages[owner.get(id) ?? -1] ?? []
    return all.findIndex((other) => gradeOf(problem, other) === gradeOf(problem, id))
  }
  const ranks = (level: readonly CandidateId[]) => [
    ...level.map(gradeRank),
    ...level.map((id) => rank.get(id) ?? -1),
  ]
  const further = ([, ...levels]: Levels) =>
    levels.flat().filter((id) => !problem.free?.has(owner.get(id) ?? -1)).length
  const sorted = allAnswers(problem).sort(
    (a, b) =>
      compareLists(ranks(a[0] ?? []), ranks(b[0] ?? [])) ||
      further(a) - further(b) ||
      compareLists(a.flatMap(ranks), b.flatMap(ranks)),
  )
  return sorted[0]?.flat()
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++)
    if (a[at] !== b[at]) return (a[at] ?? 0) - (b[at] ?? 0)
  return 0
}
