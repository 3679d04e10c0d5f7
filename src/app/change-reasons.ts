/**
 * Why a package came, went or moved between two locked environments.
 *
 * The first fact that explains it is told: what the person wrote, then the platform, then what
 * other packages need, then what they needed before. Requirements that cannot be read, which only a
 * tampered lockfile has, explain nothing.
 */
import { AppError } from '#kernel/index.ts'
import {
  allowedVersions,
  compareVersions,
  contains,
  findPlatform,
  formatRange,
  isVersion,
  type LockedPackage,
  parseRequirement,
  parseVersion,
  platformRequirements,
  platformYears,
  type Requirement,
} from '#model/index.ts'
import type { LockedSide, Sides } from './locked-side.ts'
import { namesOf, needOf } from './names.ts'

const namedMax = 3

export function whyAdded({ after }: Sides, added: LockedPackage): string | undefined {
  const asked = askedFor(after, added)
  if (asked !== undefined) return `you ask for ${asked.text}`
  const wanting = after.packages.filter((one) => one.depends.includes(added.name))
  if (wanting.length === 0) return undefined
  return listed(
    wanting.map((one) => `${one.name} ${one.version} needs ${needOf(one, added) ?? 'it'}`),
  )
}

export function whyRemoved({ before, after }: Sides, removed: LockedPackage): string | undefined {
  const asked = askedFor(before, removed)
  if (asked !== undefined && askedFor(after, removed) === undefined)
    return `you ask no more for ${asked.text}`
  const now = new Map(after.packages.map((one) => [one.name, one]))
  const wanting = before.packages.filter((one) => one.depends.includes(removed.name))
  if (wanting.length === 0) return undefined
  const facts = wanting.map(({ name, version }) => {
    const still = now.get(name)
    return still === undefined
      ? `${name} ${version}, which needed it, is gone`
      : `${name} ${still.version} does not need it`
  })
  return listed(facts)
}

/** Of a package that is there before and after, in another version. */
export function whyMoved(
  sides: Sides,
  moved: { readonly before: LockedPackage; readonly after: LockedPackage },
): string | undefined {
  const { before, after } = moved
  return (
    barrier(sides.after, before, 'now') ??
    ownNeeds(sides.after, before) ??
    otherChoice(sides) ??
    barrier(sides.before, after, 'before') ??
    (isOlder(before, after) ? 'a newer version is there' : undefined)
  )
}

function isOlder(before: LockedPackage, after: LockedPackage): boolean {
  return compareVersions(parseVersion(before.version), parseVersion(after.version)) < 0
}

/** What on one side does not let in a package of the other side. */
function barrier(
  side: LockedSide,
  kept: LockedPackage,
  when: 'now' | 'before',
): string | undefined {
  const past = when === 'before'
  const asked = requirementsIn(side.asked).find((one) => refuses(one, kept))
  if (asked !== undefined)
    return past ? `you asked for ${asked.text} before` : `you ask for ${asked.text}`
  const limit = platformLimits(side.platform).find((one) => refuses(one, kept))
  if (limit !== undefined) {
    const range = `${limit.name} ${formatRange(limit.versions)}`
    return `${side.platform} ${past ? 'allowed' : 'allows'} ${range} only`
  }
  for (const other of side.packages) {
    const need = requirementsIn(other.needs ?? []).find((one) => refuses(one, kept))
    if (need === undefined) continue
    const subject = `${other.name} ${other.version}`
    if (need.kind === 'require') return `${subject} ${past ? 'needed' : 'needs'} ${need.text}`
    const range = `${need.name} ${formatRange(allowedVersions(need))}`
    return `${subject} ${past ? 'went' : 'goes'} with ${range} only`
  }
  return undefined
}

/** A need of a package that the other side does not meet. */
function ownNeeds(side: LockedSide, kept: LockedPackage): string | undefined {
  for (const need of requirementsIn(kept.needs ?? [])) {
    const other = side.packages.find((one) => refuses(need, one))
    if (other === undefined) continue
    const met = `${other.name} is ${other.version}`
    return `${kept.name} ${kept.version} needs ${need.text}, and ${met}`
  }
  return undefined
}

function otherChoice({ before, after }: Sides): string | undefined {
  if (before.lowest !== after.lowest)
    return after.lowest === undefined
      ? 'newest versions are chosen again'
      : 'the oldest versions that fit are chosen'
  if (before.until === after.until) return undefined
  if (after.until === undefined) return `it is no longer as of ${before.until}`
  return `it is as of ${after.until}`
}

/** Whether a requirement is about a package, or a name that it answers to, and not met by it. */
function refuses(requirement: Requirement, { name, version, provides }: LockedPackage): boolean {
  const answers = requirement.name === name ? version : provides?.[requirement.name]
  if (answers === undefined || !isVersion(answers)) return false
  return !contains(allowedVersions(requirement), parseVersion(answers))
}

function askedFor(side: LockedSide, locked: LockedPackage): Requirement | undefined {
  const names = new Set(namesOf(locked))
  return requirementsIn(side.asked).find((one) => one.kind === 'require' && names.has(one.name))
}

function platformLimits(year: string | undefined): readonly Requirement[] {
  if (year === undefined || !platformYears.includes(year)) return []
  return platformRequirements(findPlatform(year), 'provide')
}

function requirementsIn(texts: readonly string[]): readonly Requirement[] {
  return texts.flatMap((text) => {
    try {
      return parseRequirement(text)
    } catch (error) {
      if (error instanceof AppError) return []
      throw error
    }
  })
}

function listed(facts: readonly string[]): string {
  const more = facts.length - namedMax
  if (more > 0) return `${facts.slice(0, namedMax).join(', ')} and ${more} more`
  const last = facts.at(-1) ?? ''
  return facts.length < 2 ? last : `${facts.slice(0, -1).join(', ')} and ${last}`
}
