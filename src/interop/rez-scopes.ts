/**
 * The packages of a Rez search and what is left of each: Rez's «scopes», with a way back.
 *
 * A scope holds the candidates of a family that are still possible. What every one of them requires
 * is required for good (Rez: extraction); what can no longer be had together with what is left of
 * another scope goes (Rez: reduction). Candidates that require the same are looked at as one group.
 * Invariant: `settle` follows Rez round by round, so that scopes appear in Rez's order; `undo` to a
 * mark gives back exactly what was there.
 * Source: rez 3.4 `solver.py`, `_ResolvePhase.solve`. Not here: choices (`rez-walk.ts`).
 */
import type { PackageId } from '#solver/index.ts'
import type { Merged, RezDependency, RezUniverse, Wish } from './rez-universe.ts'

export interface Scope {
  readonly id: PackageId
  readonly name: string
  readonly ephemeral: boolean
  /** Place among the scopes. */
  readonly index: number
  /** False while it was only named weakly, or as a conflict: then it forbids, and needs nothing. */
  wanted: boolean
  /** By place in the family: 1 for candidates that are left. */
  readonly left: Uint8Array
  count: number
  /** By place; undefined for what was never possible here. */
  groupAt: readonly (Group | undefined)[]
  groups: readonly Group[]
  /** Groups of which a candidate is left. */
  groupCount: number
  needs: Need[]
  /** Whether it is listed in `fresh`, and in `changed`. */
  isFresh: boolean
  isChanged: boolean
}

/** Candidates of a scope that require the same. */
interface Group {
  readonly places: number[]
  readonly links: readonly Link[]
  /** What every candidate requires, of `links`. */
  readonly needs: readonly Need[]
  count: number
}

/** What groups of a scope demand of one package, in the same words. */
interface Link {
  readonly scope: Scope
  readonly to: PackageId
  readonly wish: Wish
  readonly groups: Group[]
  readonly need: Need | undefined
  /** Groups of which a candidate is left. */
  count: number
}

/** A family that groups of a scope require. */
export interface Need {
  readonly to: PackageId
  readonly name: string
  readonly links: Link[]
  /** Groups that require it, of which a candidate is left. */
  count: number
  /** Whether what they accept together is less than when it was required last. */
  isStale: boolean
}

export interface Scopes {
  readonly universe: RezUniverse
  /** In Rez's order. */
  readonly all: Scope[]
  /** By package. */
  readonly of: (Scope | undefined)[]
  /** By package. */
  readonly linksTo: (Link[] | undefined)[]
  /** Scopes with something new to require. */
  fresh: Scope[]
  /** Scopes of which others have not heard yet that there is less, or something at all. */
  changed: Scope[]
  /** Scopes whose own demands were not looked at yet. */
  added: Scope[]
  readonly trail: Step[]
  /** No scope before this one is open. */
  firstOpen: number
  /** A family that no repository has is required. */
  missing: boolean
}

type Step =
  | { readonly kind: 'lost'; readonly scope: Scope; readonly place: number }
  | { readonly kind: 'added'; readonly scope: Scope }
  | { readonly kind: 'wanted'; readonly scope: Scope }
  | { readonly kind: 'required'; readonly need: Need }

export function scopesOf(universe: RezUniverse): Scopes {
  return {
    universe,
    all: [],
    of: [],
    linksTo: [],
    fresh: [],
    changed: [],
    added: [],
    trail: [],
    firstOpen: 0,
    missing: false,
  }
}

/** Adds what the request says of a family; false when nothing fits it. */
export function addScope(scopes: Scopes, demand: RezDependency): boolean {
  const left = new Uint8Array(scopes.universe.family(demand.package).size)
  for (const { start, end } of demand.spans) left.fill(1, start, end)
  return add(scopes, demand, left)
}

function add(
  scopes: Scopes,
  { package: id, needed }: Pick<RezDependency, 'package' | 'needed'>,
  left: Uint8Array,
): boolean {
  const { name, kind } = scopes.universe.family(id)
  let count = 0
  for (const one of left) count += one
  const scope: Scope = {
    id,
    name,
    ephemeral: kind === 'ephemeral',
    index: scopes.all.length,
    wanted: false,
    left,
    count,
    groupAt: [],
    groups: [],
    groupCount: 0,
    needs: [],
    isFresh: false,
    isChanged: false,
  }
  scopes.all.push(scope)
  scopes.of[id] = scope
  scopes.trail.push({ kind: 'added', scope })
  noteChanged(scopes, scope)
  if (!needed) return true
  want(scopes, scope)
  return count > 0
}

/** Makes a scope one that has to be there: its candidates are looked at. */
function want(scopes: Scopes, scope: Scope): void {
  scope.wanted = true
  scopes.firstOpen = Math.min(scopes.firstOpen, scope.index)
  if (scope.left.length > 0 && scopes.universe.family(scope.id).kind === 'phantom')
    scopes.missing = true
  scopes.trail.push({ kind: 'wanted', scope })
  const groups = new Map<Merged, Group>()
  const linking: Linking = { scope, links: new Map(), needs: new Map() }
  const requirements = scopes.universe.requirementsOf(scope.id, scope.left)
  const groupAt: (Group | undefined)[] = []
  let last: Merged | undefined
  let group: Group | undefined
  for (let place = 0; place < requirements.length; place += 1) {
    const requires = requirements[place]
    groupAt.push(undefined)
    if (requires === undefined) continue
    if (requires !== last || group === undefined) {
      last = requires
      group = groups.get(requires) ?? groupOf(scopes, linking, requires)
      groups.set(requires, group)
    }
    group.places.push(place)
    group.count += 1
    groupAt[place] = group
  }
  scope.groupAt = groupAt
  scope.groups = [...groups.values()]
  scope.groupCount = groups.size
  scope.needs = [...linking.needs.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  scopes.added.push(scope)
  noteChanged(scopes, scope)
  noteFresh(scopes, scope)
}

interface Linking {
  readonly scope: Scope
  readonly links: Map<Wish, Link>
  readonly needs: Map<PackageId, Need>
}

function groupOf(scopes: Scopes, linking: Linking, requires: Merged): Group {
  const links: Link[] = []
  const needs: Need[] = []
  const group = { places: [], links, needs, count: 0 }
  for (const wish of requires) {
    const link = linking.links.get(wish) ?? linkOf(scopes, linking, wish)
    links.push(link)
    link.groups.push(group)
    link.count += 1
    if (link.need === undefined) continue
    link.need.count += 1
    needs.push(link.need)
  }
  return group
}

function linkOf(scopes: Scopes, { scope, links, needs }: Linking, wish: Wish): Link {
  const { package: to, needed } = wish
  const need = needed ? needOf(scopes, needs, to) : undefined
  const link: Link = { scope, to, wish, groups: [], need, count: 0 }
  need?.links.push(link)
  links.set(wish, link)
  const others = scopes.linksTo[to]
  if (others === undefined) scopes.linksTo[to] = [link]
  else others.push(link)
  return link
}

function needOf({ universe }: Scopes, needs: Map<PackageId, Need>, to: PackageId): Need {
  const known = needs.get(to)
  if (known !== undefined) return known
  const need: Need = { to, name: universe.nameOf(to), links: [], count: 0, isStale: true }
  needs.set(to, need)
  return need
}

function noteChanged(scopes: Scopes, scope: Scope): void {
  if (scope.isChanged) return
  scope.isChanged = true
  scopes.changed.push(scope)
}

function noteFresh(scopes: Scopes, scope: Scope): void {
  if (scope.isFresh) return
  scope.isFresh = true
  scopes.fresh.push(scope)
}

/** Takes a candidate away; false when it was the last of what has to be there. */
export function lose(scopes: Scopes, scope: Scope, place: number): boolean {
  scope.left[place] = 0
  scope.count -= 1
  scopes.trail.push({ kind: 'lost', scope, place })
  noteChanged(scopes, scope)
  const group = scope.groupAt[place]
  if (group === undefined) return true
  group.count -= 1
  if (group.count === 0) {
    scope.groupCount -= 1
    for (const link of group.links) {
      link.count -= 1
      if (link.need === undefined) continue
      link.need.count -= 1
      if (link.count === 0) link.need.isStale = true
    }
    noteFresh(scopes, scope)
  }
  return scope.count > 0
}

/** Draws all consequences, round by round as Rez does; false when something has no way left. */
export function settle(scopes: Scopes): boolean {
  while (scopes.fresh.length > 0 || scopes.changed.length > 0) {
    while (scopes.fresh.length > 0) if (!requireCommon(scopes)) return false
    if (!dropImpossible(scopes)) return false
  }
  return true
}

/** One round: everything that all candidates of a scope require is required. */
function requireCommon(scopes: Scopes): boolean {
  const round = scopes.fresh.sort((a, b) => a.index - b.index)
  scopes.fresh = []
  const required = new Map<PackageId, Need[]>()
  for (const scope of round) {
    scope.isFresh = false
    for (const need of scope.needs) {
      if (!need.isStale || need.count < scope.groupCount) continue
      need.isStale = false
      scopes.trail.push({ kind: 'required', need })
      const others = required.get(need.to)
      if (others === undefined) required.set(need.to, [need])
      else others.push(need)
    }
  }
  for (const [id, needs] of required) {
    const scope = scopes.of[id]
    if (scope === undefined) continue
    for (const need of needs) if (!narrow(scopes, scope, need)) return false
    if (!scope.wanted) want(scopes, scope)
  }
  for (const [id, needs] of required) {
    if (scopes.of[id] !== undefined) continue
    const left = new Uint8Array(scopes.universe.family(id).size).fill(1)
    for (const need of needs) {
      const accepted = acceptedBy(need, left.length)
      for (let place = 0; place < left.length; place += 1)
        if (accepted[place] === 0) left[place] = 0
    }
    if (!add(scopes, { package: id, needed: true }, left)) return false
  }
  return true
}

function narrow(scopes: Scopes, scope: Scope, need: Need): boolean {
  const { left } = scope
  const accepted = acceptedBy(need, left.length)
  for (let place = 0; place < left.length; place += 1)
    if (left[place] === 1 && accepted[place] === 0 && !lose(scopes, scope, place)) return false
  return true
}

let marks = new Uint8Array(4096)

/** 1 for each place that somebody who has the need accepts; good until the next call. */
function acceptedBy({ links }: Need, size: number): Uint8Array {
  if (marks.length < size) marks = new Uint8Array(size * 2)
  marks.fill(0, 0, size)
  for (const { count, wish } of links)
    if (count > 0) for (const { start, end } of wish.spans) marks.fill(1, start, end)
  return marks
}

/** Takes away every candidate that demands what no scope can give any more. */
function dropImpossible(scopes: Scopes): boolean {
  const { added } = scopes
  scopes.added = []
  for (const scope of added)
    for (const { links } of scope.groups)
      for (const link of links)
        if (link.count > 0 && !holds(scopes, link)) if (!drop(scopes, link)) return false
  for (let scope = scopes.changed.pop(); scope !== undefined; scope = scopes.changed.pop()) {
    scope.isChanged = false
    for (const link of scopes.linksTo[scope.id] ?? [])
      if (link.count > 0 && !holds(scopes, link)) if (!drop(scopes, link)) return false
  }
  return true
}

function holds(scopes: Scopes, { to, wish }: Link): boolean {
  const scope = scopes.of[to]
  if (scope === undefined || (!wish.needed && !scope.wanted)) return true
  const { left } = scope
  for (const { start, end } of wish.spans)
    for (let place = start; place < end; place += 1) if (left[place] === 1) return true
  return false
}

function drop(scopes: Scopes, { scope, groups }: Link): boolean {
  for (const group of groups)
    for (const place of group.places)
      if (scope.left[place] === 1 && !lose(scopes, scope, place)) return false
  return true
}

/** The first scope that has more than one candidate left; undefined when all are decided. */
export function openScope(scopes: Scopes): Scope | undefined {
  for (; scopes.firstOpen < scopes.all.length; scopes.firstOpen += 1) {
    const scope = scopes.all[scopes.firstOpen]
    if (scope?.wanted === true && !scope.ephemeral && scope.count > 1) return scope
  }
  return undefined
}

/** Goes back to when the trail was this long. */
export function undo(scopes: Scopes, mark: number): void {
  scopes.firstOpen = 0
  for (const scope of [...scopes.fresh, ...scopes.changed]) scope.isFresh = scope.isChanged = false
  scopes.fresh = []
  scopes.changed = []
  scopes.added = []
  while (scopes.trail.length > mark) {
    const step = scopes.trail.pop()
    if (step !== undefined) takeBack(scopes, step)
  }
}

function takeBack(scopes: Scopes, step: Step): void {
  switch (step.kind) {
    case 'required':
      step.need.isStale = true
      return
    case 'added':
      scopes.all.pop()
      scopes.of[step.scope.id] = undefined
      return
    case 'wanted':
      forget(scopes, step.scope)
      return
    case 'lost':
      restore(step.scope, step.place)
  }
}

function restore(scope: Scope, place: number): void {
  scope.left[place] = 1
  scope.count += 1
  const group = scope.groupAt[place]
  if (group === undefined) return
  group.count += 1
  if (group.count > 1) return
  scope.groupCount += 1
  for (const link of group.links) {
    link.count += 1
    if (link.need) link.need.count += 1
  }
}

function forget(scopes: Scopes, scope: Scope): void {
  const links = new Set(scope.groups.flatMap((group) => group.links))
  for (const { to } of links) scopes.linksTo[to]?.pop()
  scope.wanted = false
  scope.groupAt = []
  scope.groups = []
  scope.groupCount = 0
  scope.needs = []
}
