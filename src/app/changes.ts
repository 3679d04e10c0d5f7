/** What changed between two lists of locked packages, told as a change log. */
import { compareVersions, type LockedPackage, parseVersion } from '#model/index.ts'
import type { Change } from './results.ts'

/** Changes in alphabetical order; packages that stayed the same are not among them. */
export function changesBetween(
  before: readonly LockedPackage[],
  after: readonly LockedPackage[],
): readonly Change[] {
  const old = new Map(before.map((locked) => [locked.name, locked]))
  const now = new Map(after.map((locked) => [locked.name, locked]))
  const names = [...new Set([...old.keys(), ...now.keys()])].sort()
  return names.flatMap((name) => changeOf(name, old.get(name), now.get(name)) ?? [])
}

function changeOf(
  name: string,
  before: LockedPackage | undefined,
  after: LockedPackage | undefined,
): Change | undefined {
  if (before === undefined)
    return after === undefined ? undefined : { name, after: after.version, what: 'added' }
  if (after === undefined) return { name, before: before.version, what: 'removed' }
  const versions = { name, before: before.version, after: after.version }
  const order = compareVersions(parseVersion(before.version), parseVersion(after.version))
  if (order !== 0) return { ...versions, what: order < 0 ? 'upgraded' : 'downgraded' }
  // A recipe that was built since is no change of what the environment is.
  const rebuilt = before.kind === 'build' && after.kind === 'build' && before.build !== after.build
  return rebuilt ? { ...versions, what: 'rebuilt' } : undefined
}
