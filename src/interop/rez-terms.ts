/**
 * What the candidates of a family require, as numbers: groups, links and needs.
 *
 * Candidates that require the same are one group. A link is what groups ask of one package in the
 * same words: which of its candidates they allow, and whether it has to be there. A need is a
 * package that has to be there, with all its links.
 * Invariant: needs are sorted by the name of their package, links by their need, those without a
 * need last; a group has at most one link to a package.
 * Not here: what of it is left (`rez-scopes.ts`).
 */
import type { PackageId } from '#solver/index.ts'
import { meeting, type Span } from './span.ts'

export interface Terms {
  /** By place in the family: the group of that candidate. */
  readonly groupOf: Uint32Array
  /** By group: where its links begin in `links`; at the end their number. */
  readonly groupStart: Uint32Array
  readonly links: Uint32Array
  /** By link: the package that it asks something of. */
  readonly linkTo: Uint32Array
  /** By link: its need; the number of needs where it has none. */
  readonly linkNeed: Uint32Array
  /** By link: where in `words` the number of its spans stands, before the ends of each. */
  readonly linkSpans: Uint32Array
  /** Gives a link the place of its spans that is `unread`, because its package was not looked at. */
  readonly read: (link: number) => number
  /** By need: its first link; at the end the first link without a need. */
  readonly needStart: Uint32Array
  readonly words: ArrayLike<number>
}

export const unread = 0xffff_ffff

/** A demand in places: `needed`, or only not to be another one. */
export interface Wish {
  readonly package: PackageId
  readonly needed: boolean
  readonly spans: readonly Span[]
}

const none = new Uint32Array()

/** Of candidates that require nothing. */
export function emptyTerms(size: number): Terms {
  return {
    groupOf: new Uint32Array(size),
    groupStart: new Uint32Array(2),
    links: none,
    linkTo: none,
    linkNeed: none,
    linkSpans: none,
    needStart: new Uint32Array(1),
    read: () => unread,
    words: none,
  }
}

export interface TermsOptions {
  readonly groupOf: ArrayLike<number>
  /** Of each group the wishes, of which each is about another package; equal ones are one object. */
  readonly groups: readonly (readonly Wish[])[]
  /** Of packages, by name. */
  readonly compare: (a: PackageId, b: PackageId) => number
}

/** Terms without spans, and the wish behind each link. */
export interface Numbered {
  readonly terms: Omit<Terms, 'linkSpans' | 'read' | 'words'>
  readonly wishes: readonly Wish[]
}

/** Numbers groups, links and needs. */
export function numberedTerms({ groupOf, groups, compare }: TermsOptions): Numbered {
  const wishes = [...new Set(groups.flat())].sort(
    (a, b) => Number(b.needed) - Number(a.needed) || compare(a.package, b.package),
  )
  const needStart: number[] = []
  const linkNeed = wishes.map(({ needed, package: to }, link) => {
    if (needed && wishes[link - 1]?.package !== to) needStart.push(link)
    return needed ? needStart.length - 1 : needStart.length
  })
  const free = wishes.findIndex(({ needed }) => !needed)
  const linkOf = new Map(wishes.map((wish, link) => [wish, link]))
  const groupStart = [0]
  for (const own of groups) groupStart.push((groupStart.at(-1) ?? 0) + own.length)
  const terms = {
    groupOf: Uint32Array.from(groupOf),
    groupStart: Uint32Array.from(groupStart),
    links: Uint32Array.from(groups.flat(), (wish) => linkOf.get(wish) ?? 0),
    linkTo: Uint32Array.from(wishes, (wish) => wish.package),
    linkNeed: Uint32Array.from(linkNeed),
    needStart: Uint32Array.from([...needStart, free < 0 ? wishes.length : free]),
  }
  return { terms, wishes }
}

/** Terms of which a link's spans are looked up when somebody wants to know them. */
export function lateTerms(options: TermsOptions): Terms {
  const { terms, wishes } = numberedTerms(options)
  const linkSpans = new Uint32Array(wishes.length).fill(unread)
  const words: number[] = []
  const read = (link: number): number => {
    const place = words.length
    words.push(...spanWords(wishes[link]?.spans ?? []))
    linkSpans[link] = place
    return place
  }
  return { ...terms, linkSpans, read, words }
}

/** How many spans there are, and the ends of each. */
export function spanWords(spans: readonly Span[]): number[] {
  return [spans.length, ...spans.flatMap(({ start, end }) => [start, end])]
}

/** Wishes about one package as one, at the place of the first, as Rez merges them. */
export function mergedWishes(all: readonly Wish[]): readonly Wish[] {
  if (!all.some((one, at) => isNamedLater(all, one.package, at))) return all
  const merged = new Map<PackageId, Wish>()
  for (const own of all) {
    const before = merged.get(own.package)
    merged.set(own.package, before === undefined ? own : both(before, own))
  }
  return [...merged.values()]
}

function isNamedLater(all: readonly Wish[], id: PackageId, at: number): boolean {
  for (let other = at + 1; other < all.length; other += 1)
    if (all[other]?.package === id) return true
  return false
}

function both(a: Wish, b: Wish): Wish {
  let spans: readonly Span[] | undefined
  return {
    package: a.package,
    needed: a.needed || b.needed,
    get spans() {
      return (spans ??= meeting(a.spans, b.spans))
    },
  }
}
