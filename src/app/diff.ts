/**
 * Two lockfiles compared, environment by environment and target by target.
 *
 * Not here: what changed within one, and why (`changes.ts`).
 */
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AppError } from '#kernel/index.ts'
import {
  didYouMean,
  type LockedEnvironment,
  type Lockfile,
  parseLockfile,
  type Target,
  targets,
} from '#model/index.ts'
import { changesBetween } from './changes.ts'
import type { AppContext } from './context.ts'
import type { LockedSide } from './locked-side.ts'
import { lockFile, type OpenProject } from './project.ts'
import type { DiffResult, EnvironmentDiff } from './results.ts'
import { readTextFile } from './text-file.ts'

/**
 * Compares two lockfiles; `to` is the project's own where it is not named.
 * @throws AppError `cli/not-locked`, `cli/no-environment`, `model/bad-lockfile`
 */
export function diffLocks(
  context: AppContext,
  openProject: () => OpenProject,
  options: {
    readonly environment?: string | undefined
    readonly from: string
    readonly to?: string
  },
): DiffResult {
  const to = options.to ?? openProject().lockPath
  const before = readLock(lockPathOf(resolve(context.cwd, options.from)))
  const after = readLock(lockPathOf(resolve(context.cwd, to)))
  const known = [before, after].flatMap((lock) => Object.keys(lock.environments))
  const names = [...new Set(known)].sort()
  const { environment: wanted } = options
  if (wanted !== undefined && !names.includes(wanted)) throw noEnvironment(wanted, names)
  const compared = wanted === undefined ? names : [wanted]
  const environments = compared.flatMap(
    (name) => environmentDiff(name, before.environments[name], after.environments[name]) ?? [],
  )
  return { from: options.from, to, environments }
}

/** Undefined where nothing differs. */
function environmentDiff(
  name: string,
  before: LockedEnvironment | undefined,
  after: LockedEnvironment | undefined,
): EnvironmentDiff | undefined {
  const what = stateOf(before, after)
  const found = targets.flatMap((target) => {
    const sides = { before: sideOf(before, target), after: sideOf(after, target) }
    const state = stateOf(before?.targets[target], after?.targets[target])
    if (state === undefined) return []
    const changes = changesBetween(sides)
    return state === 'changed' && changes.length === 0 ? [] : [{ target, what: state, changes }]
  })
  const platform = moved(before?.platform, after?.platform)
  const until = moved(before?.until, after?.until)
  const isSame = found.length === 0 && platform === undefined && until === undefined
  if (what === undefined || (what === 'changed' && isSame)) return undefined
  return { name, what, ...(platform && { platform }), ...(until && { until }), targets: found }
}

/** Of what may be on either side; undefined where it is on neither. */
function stateOf(before: unknown, after: unknown): EnvironmentDiff['what'] | undefined {
  if (before === undefined) return after === undefined ? undefined : 'added'
  return after === undefined ? 'removed' : 'changed'
}

function moved(before: string | undefined, after: string | undefined) {
  if (before === after) return undefined
  return { ...(before !== undefined && { before }), ...(after !== undefined && { after }) }
}

/** What is locked of an environment for a target; nothing where it is not. */
export function sideOf(environment: LockedEnvironment | undefined, target: Target): LockedSide {
  return {
    platform: environment?.platform,
    asked: environment?.asked ?? [],
    until: environment?.until,
    lowest: environment?.choice?.lowest,
    packages: environment?.targets[target]?.packages ?? [],
  }
}

function noEnvironment(name: string, known: readonly string[]): AppError {
  const guess = didYouMean(name, known)
  return new AppError('cli/no-environment', `Neither lockfile has an environment '${name}'`, {
    hints: [
      ...(guess === undefined ? [] : [`Did you mean '${guess}'?`]),
      `They have: ${known.join(', ')}.`,
    ],
  })
}

/** A project's folder stands for its lockfile. */
function lockPathOf(path: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  return isFolder ? join(path, lockFile) : path
}

/** Also out of a pipe, as `<(git show HEAD:backlot.lock)` is. */
function readLock(path: string): Lockfile {
  const text = readTextFile(path, 'lockfile', { mayBePipe: true })
  if (text === undefined)
    throw new AppError('cli/not-locked', `There is no lockfile ${path}`, {
      hints: ['`git show REVISION:backlot.lock > old.lock` brings an earlier one back.'],
    })
  return parseLockfile(text, path)
}
