/**
 * Options that nobody in an answer asks for: the solver's answer is objected to.
 *
 * An option other than the recipe's default has to be asked for by the request or by a package of
 * the answer. A build asks for what the build was that it was compiled against. Whoever is in the
 * answer counts, also a package that is there because of that very option.
 * Invariant: an objection never excludes a good answer. A path from the request to somebody who
 * asks leaves the packages of the answer at one of the candidates that it names.
 */
import type { Target } from '#model/index.ts'
import type { CandidateId, Objection, PackageId } from '#solver/index.ts'
import { type Candidate, provisionsOf, unusualNames } from './candidate.ts'
import { runNeedsOf } from './demanded.ts'
import type { Catalog } from './entry.ts'
import type { Demand, Universe } from './universe.ts'

/** An option of a candidate, and the names by which it may be asked for. */
interface Unasked {
  readonly id: CandidateId
  readonly option: string
  readonly value: string
  readonly names: ReadonlySet<string>
  /** `openexr[python=true]` */
  readonly text: string
}

/** The universe with objections to options that nobody asks for. */
export function withObjections(catalog: Catalog, universe: Universe, target: Target): Universe {
  return {
    ...universe,
    objectionTo: (answer) => {
      const [first] = unaskedIn(universe, target, answer)
      if (first === undefined) return undefined
      return {
        candidate: first.id,
        unless: unlessFor(catalog, universe, { answer, unasked: first }),
      }
    },
  }
}

/** Options that are not asked for in an answer, as a request would: `openexr[python=true]`. */
export function unaskedOptions(
  universe: Universe,
  target: Target,
  answer: readonly CandidateId[],
): readonly string[] {
  return [...new Set(unaskedIn(universe, target, answer).map(({ text }) => text))]
}

function unaskedIn(
  universe: Universe,
  target: Target,
  answer: readonly CandidateId[],
): readonly Unasked[] {
  const unusual = answer.flatMap((id) => unusualOf(universe.candidate(id), { id, target }))
  if (unusual.length === 0) return []
  const demands = [...universe.rootDemands(), ...answer.flatMap((id) => universe.demandsOf(id))]
  return unusual.filter((one) => !demands.some((demand) => asksFor(demand, one)))
}

function unusualOf(
  candidate: Candidate,
  { id, target }: { readonly id: CandidateId; readonly target: Target },
): readonly Unasked[] {
  if (candidate.kind === 'provided' || candidate.unusual === undefined) return []
  const others = provisionsOf(candidate, target).map(({ name }) => name)
  const names = new Set([candidate.name, ...others])
  const texts = unusualNames(candidate)
  return Object.entries(candidate.unusual).map(([option, value], at) => {
    return { id, option, value: String(value), names, text: texts[at] ?? '' }
  })
}

function asksFor({ name, options, interface: built }: Demand, unasked: Unasked): boolean {
  if (!unasked.names.has(name)) return false
  return built !== undefined || String(options[unasked.option]) === unasked.value
}

/** Candidates of the answer's packages that ask for it, or lead to packages that might. */
function unlessFor(
  catalog: Catalog,
  universe: Universe,
  { answer, unasked }: { readonly answer: readonly CandidateId[]; readonly unasked: Unasked },
): Objection['unless'] {
  const present = new Set(answer.map((id) => universe.packageOf(id)))
  const nameOf = (id: PackageId): string => universe.nameOf(id)
  const leading = leadingTo(catalog, new Set([...present].map(nameOf)), unasked.names)
  const opens = (id: CandidateId): boolean =>
    universe.demandsOf(id).some((demand) => asksFor(demand, unasked)) ||
    universe
      .dependencies(id)
      .some((one) => one.needed && !present.has(one.package) && leading.has(nameOf(one.package)))
  return [...present]
    .filter((id) => leading.has(nameOf(id)))
    .flatMap((id) => universe.candidates(id).filter(opens))
}

/** Names from which needs lead to somebody who wants something particular of `wanted`. */
function leadingTo(
  catalog: Catalog,
  from: ReadonlySet<string>,
  wanted: ReadonlySet<string>,
): ReadonlySet<string> {
  const neededBy = new Map<string, string[]>()
  const leading = new Set<string>()
  const reached = new Set(from)
  for (const name of reached)
    for (const need of runNeedsOf(catalog, name)) {
      reached.add(need.name)
      neededBy.set(need.name, [...(neededBy.get(need.name) ?? []), name])
      if (need.isParticular && wanted.has(need.name)) leading.add(name)
    }
  for (const name of leading) for (const other of neededBy.get(name) ?? []) leading.add(other)
  return leading
}
