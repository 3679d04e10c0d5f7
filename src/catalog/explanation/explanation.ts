/**
 * The whole explanation of a failure: separate causes, each as facts and sentences, and fixes.
 *
 * The cause that has most of what was asked for comes first.
 * Invariant: causes are minimal and share no fact; fixes were solved again; when the effort ran
 * out before all were looked for, `note` says so.
 */
import {
  type CandidateId,
  type Cause as Core,
  type CoreFact,
  type Dependency,
  type Repair,
  repairsOf,
  separateCauses,
} from '#solver/index.ts'
import { derive } from './derive.ts'
import { type About, type Fix, fixOf } from './fixes.ts'
import type { Labels } from './labels.ts'
import { narrate } from './narrate.ts'
import { type Context, contextOf } from './subjects.ts'
import { claimsOf, distancesTo, phrases } from './wording.ts'

/** A demand that takes part in a failure. */
export interface ConflictFact {
  /** Absent when the request itself, or `by`, asks for it. */
  readonly from?: { readonly name: string; readonly versions: readonly string[] }
  readonly by?: string
  readonly requirement: string
  readonly kind: 'require' | 'conflict' | 'weak'
  readonly reason?: string
}

export interface Cause {
  readonly facts: readonly ConflictFact[]
  readonly sentences: readonly string[]
}

export interface Explanation {
  /** Text for people: all causes, told apart. */
  readonly sentences: readonly string[]
  readonly causes: readonly Cause[]
  /** Best first. */
  readonly fixes: readonly Fix[]
}

export interface Failure {
  readonly source: Context['source']
  readonly roots: readonly Dependency[]
  readonly core: Core
  readonly labels: Labels
  /** Demands of the request that are not to be given up, and take part in every cause. */
  readonly given?: readonly Dependency[]
  /** Whether an answer is of use, where more counts than that all demands are met. */
  readonly isAnswer?: (candidates: readonly CandidateId[]) => boolean
}

const causesMax = 5
const fixesMax = 6
const changesShown = 9
/** Steps of searches: a fraction of a second. */
const effortForCauses = 2_000_000
const effortForFixes = 4_000_000
/** One screen has to hold the sentences of all causes; `facts` are all there. */
const linesOfOne = 11
const linesOfAll = 10
const linesOfEach = 3
const lineLength = 74

/** Explains an impossible request; `cores` are the facts of the causes as the solver has them. */
export function explainFailure(
  failure: Failure,
): Explanation & { readonly cores: readonly (readonly CoreFact[])[] } {
  const { source, labels, roots, given = [] } = failure
  const context = contextOf(source, labels)
  const problem = { source, roots }
  const effort = { left: effortForCauses }
  const separate = separateCauses(problem, failure.core, { effort, given, causesMax })
  const cores = separate.causes.map(({ facts }) => facts).toSorted(byRequest(roots))
  const linesMax =
    cores.length === 1 ? linesOfOne : Math.max(linesOfEach, Math.floor(linesOfAll / cores.length))
  const causes = cores.map((facts) => causeOf(context, facts, { roots, linesMax }))
  const isGiven = ({ from, dependency }: CoreFact): boolean =>
    from === 'request' && given.includes(dependency)
  const { repairs, complete } = repairsOf(problem, cores, {
    effort: { left: effortForFixes },
    repairsMax: fixesMax,
    tier: (fact) => (isGiven(fact) ? undefined : labels.tier(fact)),
    nearest: nearestIn(context),
    alike: (id) => alikeTo(context, id),
    isAnswer: failure.isAnswer,
  })
  const about = aboutOf(context, roots, cores)
  const told = forOneScreen(withoutLikes(context, repairs))
  const fixes = told.map((repair) => fixOf(context, repair, { about, roots }))
  const isWhole = separate.complete && complete && separate.causes.every(({ minimal }) => minimal)
  const isMore =
    told.length > 0 && told.every(({ changes }) => changes.length > Math.max(2, causes.length))
  const ends = [...(isMore ? [moreInTheWay] : []), ...(isWhole ? [] : [unfinished])]
  return { sentences: [...inOne(causes), ...ends], causes, fixes, cores }
}

/** Of changes to versions of the same packages the best one. */
function withoutLikes({ source }: Context, repairs: readonly Repair[]): readonly Repair[] {
  const seen = new Set<string>()
  return repairs.filter(({ changes }) => {
    if (changes.some(({ fact }) => fact.from === 'request')) return true
    const places = changes.map(
      ({ fact }) => `${source.packageOf(Number(fact.from))} ${fact.dependency.package}`,
    )
    const isNew = !seen.has(places.join())
    seen.add(places.join())
    return isNew
  })
}

/** Fixes of many changes are long, so there are fewer of them. */
function forOneScreen(repairs: readonly Repair[]): readonly Repair[] {
  let left = changesShown
  return repairs.filter(({ changes }) => (left -= changes.length) >= 0)
}

const moreInTheWay =
  'There is more in the way than that: a fix has to change several things at once.'
const unfinished = 'Not everything was looked at: there may be more causes, and more fixes.'

/** Most demands of the request first, then the earliest, then the shortest. */
function byRequest(roots: readonly Dependency[]) {
  const asked = (facts: readonly CoreFact[]) =>
    facts.flatMap(({ from, dependency }) => (from === 'request' ? roots.indexOf(dependency) : []))
  return (a: readonly CoreFact[], b: readonly CoreFact[]): number => {
    const [left, right] = [asked(a), asked(b)]
    return (
      right.length - left.length || Math.min(...left) - Math.min(...right) || a.length - b.length
    )
  }
}

function causeOf(
  context: Context,
  core: readonly CoreFact[],
  { roots, linesMax }: { readonly roots: readonly Dependency[]; readonly linesMax: number },
): Cause {
  const { source, labels } = context
  const place = ({ from, dependency }: CoreFact) =>
    from === 'request' ? roots.indexOf(dependency) : roots.length
  const facts = core.toSorted((a, b) => place(a) - place(b))
  const end = derive(source, facts)
  const claims = claimsOf(context, facts)
  const sentences =
    end === undefined
      ? phrases(context, facts).map((text) => `${text.replace(/^y/, 'Y')}.`)
      : narrate(context, end)
  return {
    sentences: shortened(sentences, linesMax),
    facts: claims.map(({ from, ids, label }): ConflictFact => {
      const { by, text, kind, reason } = label
      const versions = [...new Set([...ids].map((id) => labels.candidate(id).version))]
      return {
        ...(from === 'request' ? {} : { from: { name: labels.nameOf(from), versions } }),
        ...(by === undefined ? {} : { by }),
        requirement: text,
        kind,
        ...(reason === undefined ? {} : { reason }),
      }
    }),
  }
}

/** The first steps and the last, where all of them are too much for a screen. */
function shortened(sentences: readonly string[], linesMax: number): readonly string[] {
  const linesIn = (some: readonly string[]) =>
    some.reduce((sum, text) => sum + Math.ceil(text.length / lineLength), 0)
  if (linesIn(sentences) <= linesMax) return sentences
  const end = sentences.slice(linesIn(sentences.slice(-2)) < linesMax ? -2 : -1)
  let kept = 1
  while (linesIn([...sentences.slice(0, kept + 1), ...end]) < linesMax) kept += 1
  const more = sentences.length - end.length - kept
  if (more < 1) return sentences
  const between = more === 1 ? '1 step between is' : `${more} steps between are`
  return [...sentences.slice(0, kept), `(${between} left out.)`, ...end]
}

const counts = ['no', 'one', 'two', 'three', 'four', 'five']

/** The sentences of all causes, told apart. */
function inOne(causes: readonly Cause[]): readonly string[] {
  const [only] = causes
  if (causes.length === 1 && only !== undefined) return only.sentences
  return [
    `There are ${counts[causes.length] ?? causes.length} separate causes.`,
    ...causes.flatMap(({ sentences }, at) =>
      sentences.map((text, line) => `${line === 0 ? `${at + 1}:` : '  '} ${text}`),
    ),
  ]
}

/** All candidates of the demanded package, those first whose versions are nearest to its range. */
function nearestIn(context: Context) {
  const known = new Map<Dependency, readonly CandidateId[]>()
  return (dependency: Dependency): readonly CandidateId[] => {
    const nearest = known.get(dependency) ?? nearestTo(context, dependency)
    known.set(dependency, nearest)
    return nearest
  }
}

function nearestTo({ source, labels, rowsOf }: Context, dependency: Dependency) {
  const rows = rowsOf(dependency.package)
  const { kind, versions } = labels.demand(dependency)
  const distances = kind === 'conflict' ? [] : distancesTo(versions, rows)
  const distance = new Map(rows.flatMap(({ ids }, at) => ids.map((id) => [id, distances[at] ?? 0])))
  const allowed = new Set(dependency.allowed)
  return source
    .candidates(dependency.package)
    .toSorted(
      (a, b) =>
        Number(allowed.has(b)) - Number(allowed.has(a)) ||
        (distance.get(a) ?? 0) - (distance.get(b) ?? 0),
    )
}

/** All candidates of the same version. */
function alikeTo({ source, rowsOf }: Context, id: CandidateId): readonly CandidateId[] {
  return rowsOf(source.packageOf(id)).find(({ ids }) => ids.includes(id))?.ids ?? [id]
}

/** What was asked for by name, and what of it the causes are about. */
function aboutOf(
  { labels }: Context,
  roots: readonly Dependency[],
  cores: readonly (readonly CoreFact[])[],
): About {
  const isYours = (root: Dependency) => root.needed && labels.demand(root).by === undefined
  const asked = roots
    .filter(isYours)
    .map((root) => labels.nameOf(root.package))
    .filter((name) => !name.startsWith('.'))
  const facts = cores.flat()
  const named = new Set(facts.map(({ dependency }) => labels.nameOf(dependency.package)))
  return { asked, named }
}
