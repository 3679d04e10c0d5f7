/**
 * Which tags and manifests a set of rules lets go of, and why each other one stays: pure, so that
 * a dry run tells exactly what a run would do.
 *
 * Invariant: a tag that a rule does not mention stays; of the rules that fit a repository the
 * first one decides. Signatures and the like, which some tools keep under tags of their own, go
 * with what they are about, and no rule counts them. Reasons are sentences for people.
 * Not here: doing it (`retain.ts`).
 */
import type { Digest } from '#kernel/index.ts'
import { namePattern } from '../../access/pattern.ts'
import { referrersTag } from '../../reference.ts'

export interface RetentionRule {
  /** Patterns of repositories: `*` within a part, `**` across parts. */
  readonly repositories: readonly string[]
  /** Patterns of the tags that the rule is about. */
  readonly tags: readonly string[]
  /** Patterns of tags that always stay. */
  readonly protect: readonly string[]
  /** The newest so many stay. */
  readonly keepLast?: number
  /** What was pushed within so long stays. */
  readonly keepYoungerMs?: number
  /** What was pulled within so long stays. */
  readonly keepPulledMs?: number
  /** Manifests without a tag go when they are older than this; without it they stay. */
  readonly untaggedMs?: number
}

export interface TagFacts {
  readonly name: string
  readonly digest: Digest
  readonly movedMs: number
  /** When its manifest was last pulled. */
  readonly pulledMs: number | undefined
}

export interface ManifestFacts {
  readonly digest: Digest
  readonly pushedMs: number
  readonly pulledMs: number | undefined
  readonly subject: Digest | undefined
  /** Manifests here that name it: indexes. */
  readonly namedBy: readonly Digest[]
}

export interface RepositoryFacts {
  readonly repository: string
  readonly tags: readonly TagFacts[]
  readonly manifests: readonly ManifestFacts[]
}

export interface Verdict {
  readonly repository: string
  /** Absent for a manifest that no tag names. */
  readonly tag?: string
  readonly digest: Digest
  readonly keep: boolean
  readonly reason: string
}

const dayMs = 86_400_000
/** Cosign's; without one it is the list of referrers of older clients. */
const besideSuffix = /\.(?:sig|att|sbom)$/
/** Why what is about a manifest goes with it. */
export const subjectGoes = 'the manifest that it is about goes'

/** What the rules say of a repository: tags first, in the order of their names. */
export function judge(
  rules: readonly RetentionRule[],
  facts: RepositoryFacts,
  nowMs: number,
): readonly Verdict[] {
  const { repository } = facts
  const rule = rules.find(({ repositories }) => fits(repositories, repository))
  if (rule === undefined) return []
  const subjectOf = subjectsIn(facts)
  const about = facts.tags.filter(
    (tag) => fits(rule.tags, tag.name) && subjectOf(tag) === undefined,
  )
  const newest = about.toSorted((a, b) => b.movedMs - a.movedMs || (a.name < b.name ? 1 : -1))
  const tags = about
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((tag): Verdict => {
      const kept = keptTag(rule, tag, { rank: newest.indexOf(tag), nowMs })
      const { name, digest } = tag
      return {
        repository,
        tag: name,
        digest,
        keep: kept !== undefined,
        reason: kept ?? 'no rule keeps it',
      }
    })
  const gone = new Set(tags.filter(({ keep }) => !keep).map(({ tag }) => tag))
  const left = facts.tags.filter(({ name }) => !gone.has(name))
  return [...tags, ...goneAlong(rule, facts, { left, nowMs })]
}

/** The manifest that a tag like `sha256-….sig` is about, when it is here. */
function subjectsIn({ manifests }: RepositoryFacts): (tag: TagFacts) => Digest | undefined {
  const subjects = new Map(manifests.map(({ digest }) => [referrersTag(digest), digest]))
  return ({ name }) => subjects.get(name.replace(besideSuffix, ''))
}

/** Manifests that nothing keeps but tags that go, and tags of what is about them, in turn. */
function goneAlong(
  rule: RetentionRule,
  facts: RepositoryFacts,
  { left, nowMs }: { readonly left: readonly TagFacts[]; readonly nowMs: number },
): readonly Verdict[] {
  const subjectOf = subjectsIn(facts)
  const beside: Verdict[] = []
  for (let kept = left; ; ) {
    const manifests = untagged(rule, facts, { left: kept, nowMs })
    const going = new Set<Digest | undefined>(manifests.map(({ digest }) => digest))
    const along = kept.filter((tag) => going.has(subjectOf(tag)))
    if (along.length === 0) return [...beside, ...manifests]
    kept = kept.filter((tag) => !along.includes(tag))
    const { repository } = facts
    for (const { name, digest } of along)
      beside.push({ repository, tag: name, digest, keep: false, reason: subjectGoes })
  }
}

/** What the bin says of what went for this reason. */
export function reasonInBin(reason: string): string {
  return `retention: ${reason}`
}

/** Whether a tag is that of a signature or the like of the manifest. */
export function isBeside(tag: string, digest: Digest): boolean {
  return tag.replace(besideSuffix, '') === referrersTag(digest)
}

/** Why a tag stays. */
function keptTag(
  rule: RetentionRule,
  tag: TagFacts,
  { rank, nowMs }: { readonly rank: number; readonly nowMs: number },
): string | undefined {
  if (fits(rule.protect, tag.name)) return 'it is protected'
  const { keepLast, keepYoungerMs, keepPulledMs } = rule
  if (keepLast === undefined && keepYoungerMs === undefined && keepPulledMs === undefined)
    return 'the rule says nothing of tags'
  if (keepLast !== undefined && rank < keepLast) return `it is one of the last ${keepLast}`
  if (keepYoungerMs !== undefined && nowMs - tag.movedMs < keepYoungerMs)
    return `it was pushed ${daysAgo(nowMs - tag.movedMs)}`
  if (keepPulledMs === undefined) return undefined
  // What was pulled long ago may have got this tag only now.
  const { pulledMs = 0 } = tag
  const usedMs = Math.max(pulledMs, tag.movedMs)
  if (nowMs - usedMs >= keepPulledMs) return undefined
  return `it was ${pulledMs === usedMs ? 'pulled' : 'pushed'} ${daysAgo(nowMs - usedMs)}`
}

/**
 * Manifests that nothing names, or that only those name which go. Those that lost their tag just
 * now go with it; others when they are old enough.
 */
function untagged(
  rule: RetentionRule,
  facts: RepositoryFacts,
  { left, nowMs }: { readonly left: readonly TagFacts[]; readonly nowMs: number },
): readonly Verdict[] {
  const { repository, manifests } = facts
  const tagged = new Set(left.map(({ digest }) => digest))
  const hadTag = new Set(facts.tags.map(({ digest }) => digest))
  const here = new Set(manifests.map(({ digest }) => digest))
  const gone = new Map<Digest, string>()
  const reasonOf = (manifest: ManifestFacts): string | undefined => {
    const { digest, subject } = manifest
    if (tagged.has(digest) || manifest.namedBy.some((one) => here.has(one) && !gone.has(one)))
      return undefined
    if (hadTag.has(digest)) return 'its tags go'
    if (subject !== undefined && gone.has(subject)) return subjectGoes
    if (manifest.namedBy.some((one) => gone.has(one))) return 'the index that names it goes'
    if (subject !== undefined && here.has(subject)) return undefined
    const ageMs = nowMs - Math.max(manifest.pushedMs, manifest.pulledMs ?? 0)
    return rule.untaggedMs !== undefined && ageMs >= rule.untaggedMs ? 'no tag names it' : undefined
  }
  // What goes may free what it names, or what is about it: until nothing more goes.
  for (let before = -1; before !== gone.size; ) {
    before = gone.size
    for (const manifest of manifests) {
      const reason = gone.has(manifest.digest) ? undefined : reasonOf(manifest)
      if (reason !== undefined) gone.set(manifest.digest, reason)
    }
  }
  return [...gone.entries()].map(([digest, reason]) => ({
    repository,
    digest,
    keep: false,
    reason,
  }))
}

function fits(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => namePattern(pattern)(text))
}

function daysAgo(ms: number): string {
  const days = Math.floor(ms / dayMs)
  return days === 0 ? 'today' : days === 1 ? 'a day ago' : `${days} days ago`
}
