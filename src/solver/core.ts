/**
 * The few facts that an impossibility needs: a core in which every fact matters.
 *
 * Facts are left out, first all of one package about another, then one by one; what stays
 * impossible without them is the smaller core. Each trial solves the problem of the remaining
 * facts anew, and its own refutation often drops more.
 * Invariant: the facts given back are impossible together; if `minimal`, dropping any one of
 * them makes the rest possible.
 */
import { type Refutation, refutation } from './proof.ts'
import { advance, assertRoots, byActivity, type Search, searchOf } from './search.ts'
import type { CandidateId, CoreFact, Dependency, PackageSource } from './source.ts'

/** Conflicts that all trials together may take. */
const trialConflictsMax = 50_000

/** The facts that the refutation of a failed search rests on, the request's first. */
export function coreOf(search: Search): CoreFact[] {
  const { problem } = search.state
  const found: Refutation = refutation(search.state)
  const rootVariables = new Set(found.roots)
  if (search.failedRoot >= 0) rootVariables.add(search.failedRoot)
  const facts: CoreFact[] = []
  for (const { dependency, variable } of search.roots)
    if (rootVariables.delete(variable)) facts.push({ from: 'request', dependency })
  for (const edge of found.edges) {
    const from = problem.candidate[problem.edgeFrom[edge]!]!
    facts.push({ from, dependency: problem.edgeDependency[edge]! })
  }
  return facts
}

/** Leaves out every fact that is not needed; yields between trials. */
export function* minimise(
  source: PackageSource,
  facts: readonly CoreFact[],
): Generator<void, { core: readonly CoreFact[]; minimal: boolean }> {
  let core = facts
  let left = trialConflictsMax
  // What is needed now is needed in every smaller core too.
  const needed = new Set<CoreFact>()
  for (const group of [...groupsOf(source, facts), ...facts.map((fact) => [fact])]) {
    if (left <= 0) return { core, minimal: false }
    const out = new Set(group)
    const rest = core.filter((fact) => !out.has(fact))
    const [only] = group
    const isSettled = group.length === 1 && only !== undefined && needed.has(only)
    if (rest.length === core.length || isSettled) continue
    const trial = stillImpossible(source, rest, left)
    left -= trial.conflicts + 1
    if (trial.core !== undefined) core = trial.core
    else if (trial.gaveUp) return { core, minimal: false }
    else if (group.length === 1 && only !== undefined)
      for (const like of factsLike(source, core, only)) needed.add(like)
    yield
  }
  return { core, minimal: true }
}

/**
 * Facts that could change places with this one: the same demand of a candidate of the same package
 * that, as far as the core goes, demands the same and is accepted by the same. One is needed
 * exactly when all are.
 */
function factsLike(
  source: PackageSource,
  core: readonly CoreFact[],
  fact: CoreFact,
): readonly CoreFact[] {
  const { from } = fact
  if (from === 'request') return [fact]
  const owner = source.packageOf(from)
  const about = new Set(core.map(({ dependency }) => dependency.allowed))
  const sets = [...about].map((allowed) => new Set(allowed))
  const ids = new Map<unknown, number>()
  const idOf = ({ allowed, needed }: Dependency): string => {
    const id = ids.get(allowed) ?? ids.size
    ids.set(allowed, id)
    return needed ? `${id}` : `~${id}`
  }
  const own = Map.groupBy(core, (one) => one.from)
  const signatureOf = (id: CandidateId): string => {
    const demands = (own.get(id) ?? []).map(({ dependency }) => idOf(dependency)).sort()
    return `${demands.join()} ${sets.map((set) => (set.has(id) ? 1 : 0)).join('')}`
  }
  const wanted = signatureOf(from)
  const demand = idOf(fact.dependency)
  return core.filter(
    (other) =>
      other.from !== 'request' &&
      source.packageOf(other.from) === owner &&
      idOf(other.dependency) === demand &&
      signatureOf(other.from) === wanted,
  )
}

/** Facts of one package about another, for more than one such fact. */
function groupsOf(source: PackageSource, facts: readonly CoreFact[]): CoreFact[][] {
  const groups = new Map<string, CoreFact[]>()
  for (const fact of facts) {
    const from = fact.from === 'request' ? 'request' : source.packageOf(fact.from)
    const key = `${from} ${fact.dependency.package}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [fact])
    else group.push(fact)
  }
  return [...groups.values()].filter((group) => group.length > 1)
}

interface Trial {
  readonly core?: readonly CoreFact[]
  readonly gaveUp: boolean
  readonly conflicts: number
}

function stillImpossible(
  source: PackageSource,
  facts: readonly CoreFact[],
  conflictsMax: number,
): Trial {
  const roots = facts.filter((fact) => fact.from === 'request').map((fact) => fact.dependency)
  const search = searchOf(restricted(source, facts), roots)
  const outcome = assertRoots(search) ? advance(search, byActivity, conflictsMax) : 'impossible'
  const { conflicts } = search
  if (outcome !== 'impossible') return { gaveUp: outcome === 'paused', conflicts }
  const used = new Map<CandidateId | 'request', Set<Dependency>>()
  for (const fact of coreOf(search)) {
    const some = used.get(fact.from)
    if (some === undefined) used.set(fact.from, new Set([fact.dependency]))
    else some.add(fact.dependency)
  }
  const core = facts.filter((fact) => used.get(fact.from)?.has(fact.dependency))
  return { core, gaveUp: false, conflicts }
}

/** The source as it would be if only these facts were true. */
function restricted(source: PackageSource, facts: readonly CoreFact[]): PackageSource {
  const kept = new Map<CandidateId, Dependency[]>()
  for (const { from, dependency } of facts) {
    if (from === 'request') continue
    const list = kept.get(from)
    if (list === undefined) kept.set(from, [dependency])
    else list.push(dependency)
  }
  return {
    candidates: (id) => source.candidates(id),
    packageOf: (id) => source.packageOf(id),
    dependencies: (id) => kept.get(id) ?? [],
  }
}
