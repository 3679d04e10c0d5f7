/**
 * What changed between two locked environments, told as a change log with reasons.
 *
 * Invariant: only what the two locks say is looked at, so the answer is the same everywhere. A
 * reason is a fact of one of them; where there is none, none is given.
 * Not here: which environments and targets are compared (`diff.ts`).
 */
import { canonicalJson } from '#kernel/index.ts'
import { compareVersions, type LockedPackage, parseVersion } from '#model/index.ts'
import { whyAdded, whyMoved, whyRemoved } from './change-reasons.ts'
import type { Sides } from './locked-side.ts'
import type { Change } from './results.ts'

/** Changes in alphabetical order; packages that stayed the same are not among them. */
export function changesBetween(sides: Sides): readonly Change[] {
  const old = new Map(sides.before.packages.map((locked) => [locked.name, locked]))
  const now = new Map(sides.after.packages.map((locked) => [locked.name, locked]))
  const names = [...new Set([...old.keys(), ...now.keys()])].sort()
  return names.flatMap((name) => changeOf(sides, old.get(name), now.get(name)) ?? [])
}

function changeOf(
  sides: Sides,
  before: LockedPackage | undefined,
  after: LockedPackage | undefined,
): Change | undefined {
  if (before === undefined) {
    if (after === undefined) return undefined
    const { name, version } = after
    return { name, after: version, what: 'added', ...because(whyAdded(sides, after)) }
  }
  if (after === undefined) {
    const { name, version } = before
    return { name, before: version, what: 'removed', ...because(whyRemoved(sides, before)) }
  }
  const versions = { name: before.name, before: before.version, after: after.version }
  const order = compareVersions(parseVersion(before.version), parseVersion(after.version))
  if (order !== 0) {
    const what = order < 0 ? 'upgraded' : 'downgraded'
    return { ...versions, what, ...because(whyMoved(sides, { before, after })) }
  }
  return rebuilt(before, after, versions)
}

function because(reason: string | undefined): { readonly because?: string } {
  return reason === undefined ? {} : { because: reason }
}

function rebuilt(
  before: LockedPackage,
  after: LockedPackage,
  versions: Pick<Change, 'name' | 'before' | 'after'>,
): Change | undefined {
  const options = optionChange(before, after)
  if (options !== undefined)
    return { ...versions, what: 'rebuilt', because: `its options are other ones: ${options}` }
  // A recipe that was built since is no change of what the environment is.
  const isOther = before.kind === 'build' && after.kind === 'build' && before.build !== after.build
  return isOther ? { ...versions, what: 'rebuilt' } : undefined
}

/** `python=true (before: false)`; undefined where they are the same, or one lock does not say. */
function optionChange(before: LockedPackage, after: LockedPackage): string | undefined {
  const [old, now] = [before, after].map((one) => (one.kind === 'system' ? undefined : one.options))
  if (old === undefined || now === undefined || canonicalJson(old) === canonicalJson(now))
    return undefined
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort()
  return names
    .filter((name) => old[name] !== now[name])
    .map(
      (name) => `${name}=${String(now[name] ?? 'unset')} (before: ${String(old[name] ?? 'unset')})`,
    )
    .join(', ')
}
