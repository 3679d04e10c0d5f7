/**
 * The packages of a Rez search and what is left of each: Rez's «scopes», with a way back.
 *
 * A scope holds the candidates of a family that are still possible. What every one of them requires
 * is required for good (Rez: extraction); what can no longer be had together with what is left of
 * another scope goes (Rez: reduction). Everything is counted: candidates of a group, groups of a
 * link, groups of a need (`rez-terms.ts`), so that what a lost candidate changes is known at once.
 * Invariant: `settle` follows Rez round by round, so that scopes appear in Rez's order; `undo` to a
 * mark gives back exactly what was there.
 * Source: rez 3.4 `solver.py`, `_ResolvePhase.solve`. Not here: choices (`rez-walk.ts`).
 */
import type { PackageId } from '#solver/index.ts'
import { emptyTerms, type Terms, unread } from './rez-terms.ts'
import type { RezDependency } from './rez-shelf.ts'
import type { RezUniverse } from './rez-universe.ts'

export interface Scope {
  readonly id: PackageId
  /** Place among the scopes. */
  readonly index: number
  readonly isEphemeral: boolean
  /** False while it was only named weakly, or as a conflict: then it forbids, and needs nothing. */
  wanted: boolean
  /** By place in the family: 1 for candidates that are left. */
  readonly left: Uint8Array
  count: number
  /** What its candidates require; of no use before it is wanted. */
  terms: Terms
  /** By group: candidates that are left. */
  groupLeft: Uint32Array
  /** Groups of which a candidate is left. */
  groupCount: number
  /** By link, and by need: groups of which a candidate is left. The last need stands for none. */
  linkLeft: Uint32Array
  needLeft: Uint32Array
  /** By need: 1 when what its links accept together is less than when it was required last. */
  isStale: Uint8Array
  /** Number of its first link among the links of all scopes. */
  firstLink: number
  /** Whether it is listed in `fresh`, and in `changed`. */
  isFresh: boolean
  isChanged: boolean
}

/** A need of a scope. */
interface Need {
  readonly scope: Scope
  readonly need: number
}

export interface Scopes {
  readonly universe: RezUniverse
  /** In Rez's order. */
  readonly all: Scope[]
  /** By package. */
  readonly of: (Scope | undefined)[]
  /** By package: the link to it that was made last; by link: the one before. */
  readonly lastLinkTo: number[]
  readonly linkBefore: number[]
  /** By link: its scope. */
  readonly scopeOf: Scope[]
  /** Scopes with something new to require. */
  fresh: Scope[]
  /** Scopes of which others have not heard yet that there is less, or something at all. */
  changed: Scope[]
  /** Scopes whose own demands were not looked at yet. */
  added: Scope[]
  /** What was done: to which scope, and the place that it lost, or a number below zero. */
  readonly trailScope: Scope[]
  readonly trailStep: number[]
  /** No scope before this one is open. */
  firstOpen: number
  /** A family that no repository has is required. */
  missing: boolean
}

const added = -1
const wanted = -2
/** This and what is below: the need `requiredFirst - step` was required. */
const requiredFirst = -3

const nothing = emptyTerms(0)
const noCounts = new Uint32Array()
const noFlags = new Uint8Array()

export function scopesOf(universe: RezUniverse): Scopes {
  return {
    universe,
    all: [],
    of: [],
    lastLinkTo: [],
    linkBefore: [],
    scopeOf: [],
    fresh: [],
    changed: [],
    added: [],
    trailScope: [],
    trailStep: [],
    firstOpen: 0,
    missing: false,
  }
}

/** How much was done: what `undo` goes back to. */
export function markOf({ trailStep }: Scopes): number {
  return trailStep.length
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
  let count = 0
  for (let place = left.indexOf(1); place >= 0; place = left.indexOf(1, place + 1)) count += 1
  const scope: Scope = {
    id,
    index: scopes.all.length,
    isEphemeral: scopes.universe.family(id).kind === 'ephemeral',
    wanted: false,
    left,
    count,
    terms: nothing,
    groupLeft: noCounts,
    groupCount: 0,
    linkLeft: noCounts,
    needLeft: noCounts,
    isStale: noFlags,
    firstLink: 0,
    isFresh: false,
    isChanged: false,
  }
  scopes.all.push(scope)
  scopes.of[id] = scope
  note(scopes, scope, added)
  noteChanged(scopes, scope)
  if (!needed) return true
  want(scopes, scope)
  return count > 0
}

/** Makes a scope one that has to be there: what its candidates require counts. */
function want(scopes: Scopes, scope: Scope): void {
  scope.wanted = true
  scopes.firstOpen = Math.min(scopes.firstOpen, scope.index)
  if (scope.left.length > 0 && scopes.universe.family(scope.id).kind === 'phantom')
    scopes.missing = true
  note(scopes, scope, wanted)
  scope.terms = scopes.universe.termsOf(scope.id)
  countLeft(scope)
  listLinks(scopes, scope)
  scopes.added.push(scope)
  noteChanged(scopes, scope)
  noteFresh(scopes, scope)
}

function countLeft(scope: Scope): void {
  const { left, terms } = scope
  const { groupOf, groupStart, links, linkTo, linkNeed, needStart } = terms
  const groupLeft = new Uint32Array(groupStart.length - 1)
  const linkLeft = new Uint32Array(linkTo.length)
  const needLeft = new Uint32Array(needStart.length)
  for (let place = left.indexOf(1); place >= 0; place = left.indexOf(1, place + 1))
    groupLeft[groupOf[place]!]! += 1
  let groupCount = 0
  for (let group = 0; group < groupLeft.length; group += 1) {
    if (groupLeft[group] === 0) continue
    groupCount += 1
    const end = groupStart[group + 1]!
    for (let at = groupStart[group]!; at < end; at += 1) {
      const link = links[at]!
      linkLeft[link]! += 1
      needLeft[linkNeed[link]!]! += 1
    }
  }
  scope.groupLeft = groupLeft
  scope.groupCount = groupCount
  scope.linkLeft = linkLeft
  scope.needLeft = needLeft
  scope.isStale = new Uint8Array(needLeft.length).fill(1)
}

/** Lists the links that a group has, by the package that they lead to. */
function listLinks(scopes: Scopes, scope: Scope): void {
  const { lastLinkTo, linkBefore, scopeOf } = scopes
  const { linkLeft, terms } = scope
  scope.firstLink = scopeOf.length
  for (let link = 0; link < linkLeft.length; link += 1) {
    const to = terms.linkTo[link]!
    scopeOf.push(scope)
    linkBefore.push(lastLinkTo[to] ?? -1)
    if (linkLeft[link]! > 0) lastLinkTo[to] = scope.firstLink + link
  }
}

function forgetLinks({ lastLinkTo, linkBefore, scopeOf }: Scopes, scope: Scope): void {
  for (let link = scope.linkLeft.length - 1; link >= 0; link -= 1) {
    const before = linkBefore[scope.firstLink + link]!
    if (scope.linkLeft[link]! > 0) lastLinkTo[scope.terms.linkTo[link]!] = before
  }
  linkBefore.length = scope.firstLink
  scopeOf.length = scope.firstLink
}

function note({ trailScope, trailStep }: Scopes, scope: Scope, step: number): void {
  trailScope.push(scope)
  trailStep.push(step)
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
  note(scopes, scope, place)
  noteChanged(scopes, scope)
  if (!scope.wanted) return true
  const { groupLeft, linkLeft, needLeft, isStale, terms } = scope
  const group = terms.groupOf[place]!
  groupLeft[group]! -= 1
  if (groupLeft[group] === 0) {
    scope.groupCount -= 1
    const { links, linkNeed, groupStart } = terms
    const end = groupStart[group + 1]!
    for (let at = groupStart[group]!; at < end; at += 1) {
      const link = links[at]!
      const need = linkNeed[link]!
      linkLeft[link]! -= 1
      needLeft[need]! -= 1
      if (linkLeft[link] === 0) isStale[need] = 1
    }
    noteFresh(scopes, scope)
  }
  return scope.count > 0
}

/** The way back from `lose`; what is stale stays so, until it is required. */
function restore(scope: Scope, place: number): void {
  scope.left[place] = 1
  scope.count += 1
  if (!scope.wanted) return
  const { groupLeft, linkLeft, needLeft, terms } = scope
  const group = terms.groupOf[place]!
  groupLeft[group]! += 1
  if (groupLeft[group]! > 1) return
  scope.groupCount += 1
  const { links, linkNeed, groupStart } = terms
  const end = groupStart[group + 1]!
  for (let at = groupStart[group]!; at < end; at += 1) {
    const link = links[at]!
    linkLeft[link]! += 1
    needLeft[linkNeed[link]!]! += 1
  }
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
  const required = newlyRequired(scopes)
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
      if (accepted === undefined) continue
      for (let place = 0; place < left.length; place += 1)
        if (accepted[place] === 0) left[place] = 0
    }
    if (!add(scopes, { package: id, needed: true }, left)) return false
  }
  return true
}

/** By package; of scopes in their order, of each the needs by name. */
function newlyRequired(scopes: Scopes): ReadonlyMap<PackageId, readonly Need[]> {
  const round = scopes.fresh.sort((a, b) => a.index - b.index)
  scopes.fresh = []
  const required = new Map<PackageId, Need[]>()
  for (const scope of round) {
    scope.isFresh = false
    const { needLeft, isStale, groupCount, terms } = scope
    if (groupCount === 0) continue
    const { linkTo, needStart } = terms
    for (let need = 0; need < needStart.length - 1; need += 1) {
      if (isStale[need] === 0 || needLeft[need]! < groupCount) continue
      isStale[need] = 0
      note(scopes, scope, requiredFirst - need)
      const to = linkTo[needStart[need]!]!
      const others = required.get(to)
      if (others === undefined) required.set(to, [{ scope, need }])
      else others.push({ scope, need })
    }
  }
  return required
}

function narrow(scopes: Scopes, scope: Scope, need: Need): boolean {
  const { left } = scope
  const accepted = acceptedBy(need, left.length)
  if (accepted === undefined) return true
  for (let place = left.indexOf(1); place >= 0; place = left.indexOf(1, place + 1))
    if (accepted[place] === 0 && !lose(scopes, scope, place)) return false
  return true
}

let marks = new Uint8Array(4096)

/**
 * 1 for each place that somebody who has the need accepts, undefined for all of them; good until
 * the next call.
 */
function acceptedBy({ scope, need }: Need, size: number): Uint8Array | undefined {
  const { linkLeft, terms } = scope
  const end = terms.needStart[need + 1]!
  if (marks.length < size) marks = new Uint8Array(size * 2)
  marks.fill(0, 0, size)
  for (let link = terms.needStart[need]!; link < end; link += 1) {
    if (linkLeft[link] === 0) continue
    const at = spansAt(terms, link)
    const last = at + 2 * terms.words[at]!
    for (let span = at + 1; span < last; span += 2) {
      const start = terms.words[span]!
      const behind = terms.words[span + 1]!
      if (start === 0 && behind === size) return undefined
      marks.fill(1, start, behind)
    }
  }
  return marks
}

function spansAt(terms: Terms, link: number): number {
  const at = terms.linkSpans[link]!
  return at === unread ? terms.read(link) : at
}

/** Takes away every candidate that demands what no scope can give any more. */
function dropImpossible(scopes: Scopes): boolean {
  const { added: newScopes, lastLinkTo, linkBefore, scopeOf } = scopes
  scopes.added = []
  for (const scope of newScopes)
    for (let link = 0; link < scope.linkLeft.length; link += 1)
      if (!keepOrDrop(scopes, scope, link)) return false
  for (let changed = scopes.changed.pop(); changed; changed = scopes.changed.pop()) {
    changed.isChanged = false
    for (let link = lastLinkTo[changed.id] ?? -1; link >= 0; link = linkBefore[link]!) {
      const scope = scopeOf[link]!
      if (!keepOrDrop(scopes, scope, link - scope.firstLink)) return false
    }
  }
  return true
}

/** Takes away the candidates that have a link which cannot hold. */
function keepOrDrop(scopes: Scopes, scope: Scope, link: number): boolean {
  if (scope.linkLeft[link] === 0 || holds(scopes, scope.terms, link)) return true
  const { left, terms } = scope
  let last = -1
  let goes = false
  for (let place = left.indexOf(1); place >= 0; place = left.indexOf(1, place + 1)) {
    const group = terms.groupOf[place]!
    if (group !== last) goes = hasLink(terms, group, link)
    last = group
    if (goes && !lose(scopes, scope, place)) return false
  }
  return true
}

function hasLink({ links, groupStart }: Terms, group: number, link: number): boolean {
  const at = links.indexOf(link, groupStart[group])
  return at >= 0 && at < groupStart[group + 1]!
}

function holds(scopes: Scopes, terms: Terms, link: number): boolean {
  const scope = scopes.of[terms.linkTo[link]!]
  if (scope === undefined) return true
  if (!scope.wanted && terms.linkNeed[link] === terms.needStart.length - 1) return true
  const { left } = scope
  const { words } = terms
  const at = spansAt(terms, link)
  const end = at + 2 * words[at]!
  for (let span = at + 1; span < end; span += 2) {
    const behind = words[span + 1]!
    for (let place = words[span]!; place < behind; place += 1) if (left[place] === 1) return true
  }
  return false
}

/** The first scope that has more than one candidate left; undefined when all are decided. */
export function openScope(scopes: Scopes): Scope | undefined {
  for (; scopes.firstOpen < scopes.all.length; scopes.firstOpen += 1) {
    const scope = scopes.all[scopes.firstOpen]
    if (scope?.wanted === true && !scope.isEphemeral && scope.count > 1) return scope
  }
  return undefined
}

/** Goes back to a mark. */
export function undo(scopes: Scopes, mark: number): void {
  const { trailScope, trailStep } = scopes
  scopes.firstOpen = 0
  for (const scope of [...scopes.fresh, ...scopes.changed]) scope.isFresh = scope.isChanged = false
  scopes.fresh = []
  scopes.changed = []
  scopes.added = []
  while (trailStep.length > mark) {
    const scope = trailScope.pop()!
    const step = trailStep.pop()!
    if (step >= 0) restore(scope, step)
    else if (step === wanted) takeBack(scopes, scope)
    else if (step <= requiredFirst) scope.isStale[requiredFirst - step] = 1
    else {
      scopes.all.pop()
      scopes.of[scope.id] = undefined
    }
  }
}

/** The way back from `want`. */
function takeBack(scopes: Scopes, scope: Scope): void {
  forgetLinks(scopes, scope)
  scope.wanted = false
  scope.terms = nothing
  scope.groupCount = 0
  scope.groupLeft = scope.linkLeft = scope.needLeft = noCounts
  scope.isStale = noFlags
}
