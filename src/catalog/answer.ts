/**
 * What a solver's choice is in names: packages with what they need of each other, and what the
 * answer demands of the machine.
 *
 * Not here: how it was chosen (`resolve.ts`).
 */
import {
  formatRange,
  intersectionOf,
  isVirtualName,
  type Target,
  type VersionSet,
} from '#model/index.ts'
import type { CandidateId, Dependency } from '#solver/index.ts'
import { provisionsOf, realOf } from './candidate.ts'
import type { Resolution, ResolvedPackage } from './resolution.ts'
import type { Demand, Universe } from './universe.ts'

/** The chosen candidates as packages, dependencies before what needs them. */
export function answerOf(
  universe: Universe,
  from: { readonly roots: readonly Dependency[]; readonly target: Target },
  chosen: readonly CandidateId[],
): Pick<Resolution & { kind: 'solved' }, 'packages' | 'host'> {
  const { roots, target } = from
  const ids = new Map(chosen.map((id) => [universe.candidate(id), id]))
  const present = new Map(
    chosen.map((id) => {
      const candidate = universe.candidate(id)
      return [candidate.name, ids.get(realOf(candidate)) ?? id]
    }),
  )
  const asked = new Map<string, VersionSet>()
  const note = ({ name, kind, versions, exactly }: Demand): void => {
    if (kind !== 'require' || exactly !== undefined) return
    const before = asked.get(name)
    asked.set(name, before === undefined ? versions : intersectionOf(before, versions))
  }
  for (const { origin } of roots) note(universe.demand(origin))
  for (const id of chosen) universe.demandsOf(id).forEach(note)
  const rangeOf = (name: string): string => formatRange(asked.get(name) ?? { intervals: [{}] })
  const packages = inOrder(universe, present).flatMap((id) =>
    resolved(universe, { id, present, rangeOf, target }),
  )
  const host = [...asked.keys()]
    .filter(isVirtualName)
    .sort()
    .map((name) => ({ name, range: rangeOf(name) }))
  return { packages, host }
}

/** Names of present packages that a candidate needs, sorted. */
function dependsOf(
  universe: Universe,
  id: CandidateId,
  present: ReadonlyMap<string, CandidateId>,
): readonly string[] {
  const names = statedDemands(universe, id).flatMap(({ kind, name }) => {
    const needed = kind === 'require' ? present.get(name) : undefined
    return needed === undefined ? [] : universe.candidate(needed).name
  })
  return [...new Set(names)].sort()
}

/** What a package demands of others, as far as it says so itself. */
function statedDemands(universe: Universe, id: CandidateId): readonly Demand[] {
  return universe
    .demandsOf(id)
    .filter(({ name, by, exactly }) => !isVirtualName(name) && !by && exactly === undefined)
}

/** Demands that say more than the names in `depends` do. */
function needsOf(
  universe: Universe,
  id: CandidateId,
  present: ReadonlyMap<string, CandidateId>,
): readonly string[] {
  const telling = statedDemands(universe, id).filter(({ text, name }) => {
    const needed = present.get(name)
    const isItself = needed !== undefined && universe.candidate(needed).name === name
    return text !== name || (needed !== undefined && !isItself)
  })
  return [...new Set(telling.map(({ text }) => text))].sort()
}

function resolved(
  universe: Universe,
  from: {
    readonly id: CandidateId
    readonly present: ReadonlyMap<string, CandidateId>
    readonly rangeOf: (name: string) => string
    readonly target: Target
  },
): readonly ResolvedPackage[] {
  const candidate = universe.candidate(from.id)
  const { name } = candidate
  const depends = dependsOf(universe, from.id, from.present)
  const provided = provisionsOf(candidate, from.target).map((one) => [one.name, one.version.text])
  const common = {
    name,
    version: candidate.version.text,
    depends,
    needs: needsOf(universe, from.id, from.present),
    provides: Object.fromEntries(provided),
  }
  switch (candidate.kind) {
    case 'build':
      return [{ ...common, kind: 'build', entry: candidate.entry }]
    case 'recipe': {
      const { entry, options } = candidate
      return [{ ...common, kind: 'recipe', entry, options }]
    }
    case 'system':
      return [{ ...common, kind: 'system', entry: candidate.entry, range: from.rangeOf(name) }]
    case 'provided':
    case 'host':
      return []
  }
}

/** Dependencies before what needs them; otherwise as chosen. Cycles are cut where they close. */
function inOrder(
  universe: Universe,
  present: ReadonlyMap<string, CandidateId>,
): readonly CandidateId[] {
  const order: CandidateId[] = []
  const seen = new Set<CandidateId>()
  const visit = (id: CandidateId): void => {
    if (seen.has(id)) return
    seen.add(id)
    for (const name of dependsOf(universe, id, present)) {
      const needed = present.get(name)
      if (needed !== undefined) visit(needed)
    }
    order.push(id)
  }
  for (const id of present.values()) visit(id)
  return order
}
