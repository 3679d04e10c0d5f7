/**
 * What has been seen of the source so far, as numbers: variables, packages, demands, edges.
 *
 * A variable is a candidate («it is chosen»), a demand («if its package is present, it is one of
 * these»; a needed demand adds «and it is present»), or «this package is absent». Equal demands of
 * many candidates are one variable, so what is learnt about one serves them all. Edges lead from
 * candidates to demands.
 * Invariant: variables are numbered by discovery, never by the source's ids; a package's
 * candidates are consecutive, best first.
 * Not here: the assignment (`assignment.ts`), clauses (`propagate.ts`).
 */
import type { CandidateId, Dependency, PackageId, PackageSource } from './source.ts'

/** A package that has been seen. */
export interface PackageRow {
  readonly id: PackageId
  /** Variable of its best candidate; the others follow. */
  readonly first: number
  readonly count: number
  /** Variable: the package is absent. */
  readonly absent: number
  /** Not counted among the further packages of an answer. */
  readonly isFree: boolean
  /** The source's id of the best candidate when the others' ids follow it, else -1. */
  readonly firstId: CandidateId
  /** By candidate: its grade; undefined where no two have the same. */
  readonly grades: readonly number[] | undefined
  /** Of grades that were to be decided: the demand that accepts just their candidates. */
  readonly byGrade: Map<number, number>
  /** Variables of its demands. */
  readonly demands: number[]
  readonly byIdentity: Map<object, number>
  readonly byContent: Map<string, number>
}

export interface Demand {
  readonly package: number
  readonly needed: boolean
  /** 1 for each candidate of the package that is accepted. */
  readonly accepts: Uint8Array
  /** Variables of the candidates that are not accepted. */
  readonly outsiders: Int32Array
  /** Loaded candidates that make this demand. */
  readonly users: number[]
}

export interface Problem {
  readonly source: PackageSource
  readonly packages: PackageRow[]
  readonly packageIndex: Map<PackageId, number>
  readonly variableOf: Map<CandidateId, number>
  /** By variable: the index of its package; -1 for an assumption. */
  readonly owner: number[]
  /** By variable: the source's id of a candidate; -1 for others. */
  readonly candidate: number[]
  /** By variable: its demand, if it is one. */
  readonly demand: (Demand | undefined)[]
  /** By variable: first edge of a loaded candidate; -1 while it is not loaded. */
  readonly edgeStart: number[]
  readonly edgeEnd: number[]
  /** By edge: the candidate's variable, the demand's, and what the source said. */
  readonly edgeFrom: number[]
  readonly edgeTo: number[]
  readonly edgeDependency: Dependency[]
}

export function problemOf(source: PackageSource): Problem {
  return {
    source,
    packages: [],
    packageIndex: new Map(),
    variableOf: new Map(),
    owner: [],
    candidate: [],
    demand: [],
    edgeStart: [],
    edgeEnd: [],
    edgeFrom: [],
    edgeTo: [],
    edgeDependency: [],
  }
}

/** A new variable; assumptions have neither package nor candidate. */
export function addVariable(problem: Problem, owner = -1, candidate = -1, demand?: Demand): number {
  problem.owner.push(owner)
  problem.candidate.push(candidate)
  problem.demand.push(demand)
  problem.edgeStart.push(-1)
  problem.edgeEnd.push(-1)
  return problem.owner.length - 1
}

/** The index of a package, asking the source for its candidates when it is new. */
export function packageAt(problem: Problem, id: PackageId): number {
  const known = problem.packageIndex.get(id)
  if (known !== undefined) return known
  const index = problem.packages.length
  const candidates = problem.source.candidates(id)
  const first = problem.owner.length
  const firstId = idsFollow(candidates) ? (candidates[0] ?? -1) : -1
  for (const candidate of candidates) {
    const variable = addVariable(problem, index, candidate)
    if (firstId < 0) problem.variableOf.set(candidate, variable)
  }
  problem.packages.push({
    id,
    first,
    count: candidates.length,
    absent: addVariable(problem, index),
    firstId,
    grades: gradesOf(problem.source, candidates),
    byGrade: new Map(),
    isFree: problem.source.isFree?.(id) ?? false,
    demands: [],
    byIdentity: new Map(),
    byContent: new Map(),
  })
  problem.packageIndex.set(id, index)
  return index
}

/**
 * The variable of a demand; -1 for one that says nothing (weak, and everything is accepted).
 * `onNew` is told about a variable that was made for it.
 */
export function demandAt(
  problem: Problem,
  dependency: Dependency,
  onNew: (variable: number) => void,
): number {
  const index = packageAt(problem, dependency.package)
  const row = problem.packages[index]!
  const known = row.byIdentity.get(dependency.allowed)
  // One object may be used by a needed and by a weak demand; the sign tells them apart.
  if (known !== undefined && matches(problem, known, dependency.needed)) return known
  const accepts = acceptsOf(problem, row, dependency.allowed)
  const key = contentOf(accepts, dependency.needed)
  const same = row.byContent.get(key)
  if (same !== undefined) {
    row.byIdentity.set(dependency.allowed, same)
    return same
  }
  const variable = newDemand(problem, index, dependency.needed, accepts)
  row.byContent.set(key, variable)
  row.byIdentity.set(dependency.allowed, variable)
  if (variable >= 0) {
    row.demands.push(variable)
    onNew(variable)
  }
  return variable
}

function gradesOf(source: PackageSource, candidates: readonly CandidateId[]) {
  const grades =
    source.gradeOf === undefined ? [] : candidates.map((id) => source.gradeOf?.(id) ?? 0)
  return grades.some((grade, at) => at > 0 && grade === grades[at - 1]) ? grades : undefined
}

/** The variable of a candidate of a package that has been seen. */
export function variableOf(problem: Problem, id: CandidateId): number {
  const { first, firstId } = problem.packages[packageAt(problem, problem.source.packageOf(id))]!
  return firstId >= 0 ? first + id - firstId : problem.variableOf.get(id)!
}

/** Whether each id is one more than the one before. */
function idsFollow(candidates: readonly CandidateId[]): boolean {
  for (let at = 1; at < candidates.length; at++)
    if (candidates[at] !== candidates[0]! + at) return false
  return true
}

function matches(problem: Problem, variable: number, needed: boolean): boolean {
  return variable < 0 ? !needed : problem.demand[variable]?.needed === needed
}

function acceptsOf(problem: Problem, row: PackageRow, allowed: Dependency['allowed']): Uint8Array {
  const accepts = new Uint8Array(row.count)
  for (const candidate of allowed) {
    const offset =
      row.firstId >= 0
        ? candidate - row.firstId
        : (problem.variableOf.get(candidate) ?? -1) - row.first
    if (offset >= 0 && offset < row.count) accepts[offset] = 1
  }
  return accepts
}

/** What a demand says, as text: where runs of accepted candidates begin and end. */
function contentOf(accepts: Uint8Array, needed: boolean): string {
  let content = needed ? 'n' : 'w'
  for (let at = 0, last = 0; at < accepts.length; at++) {
    if (accepts[at] === last) continue
    last = 1 - last
    content += `,${at}`
  }
  return content
}

function newDemand(problem: Problem, index: number, needed: boolean, accepts: Uint8Array): number {
  const { first } = problem.packages[index]!
  const outsiders: number[] = []
  for (let at = 0; at < accepts.length; at++) if (accepts[at] === 0) outsiders.push(first + at)
  if (!needed && outsiders.length === 0) return -1
  return addVariable(problem, index, -1, {
    package: index,
    needed,
    accepts,
    outsiders: Int32Array.from(outsiders),
    users: [],
  })
}

/** Asks the source what a candidate demands; a second call does nothing. */
export function loadCandidate(
  problem: Problem,
  variable: number,
  onNew: (variable: number) => void,
): void {
  if (problem.edgeStart[variable]! >= 0) return
  const start = problem.edgeTo.length
  for (const dependency of problem.source.dependencies(problem.candidate[variable]!)) {
    const to = demandAt(problem, dependency, onNew)
    if (to < 0 || problem.edgeTo.indexOf(to, start) >= 0) continue
    problem.edgeFrom.push(variable)
    problem.edgeTo.push(to)
    problem.edgeDependency.push(dependency)
    problem.demand[to]!.users.push(variable)
  }
  problem.edgeStart[variable] = start
  problem.edgeEnd[variable] = problem.edgeTo.length
}

/** The edge from a candidate to a demand that it makes; -1 when it makes none such. */
export function edgeBetween(problem: Problem, from: number, to: number): number {
  const at = problem.edgeTo.indexOf(to, Math.max(0, problem.edgeStart[from]!))
  return at < problem.edgeEnd[from]! ? at : -1
}
