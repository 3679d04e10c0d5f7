/**
 * The project at hand: its backlot.yaml and its lockfile.
 *
 * Invariant: both files are replaced whole or not at all.
 * Not here: the recipes it can see (`recipes.ts`).
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, digestOf, findProjectFolder, canonicalJson, type Digest } from '#kernel/index.ts'
import {
  didYouMean,
  type Environment,
  formatLockfile,
  formatRequirement,
  hostTarget,
  type LockedEnvironment,
  type Lockfile,
  parseLockfile,
  parseProject,
  type Project,
  type Target,
} from '#model/index.ts'
import type { AppContext } from './context.ts'
import { holdLockfile } from './hold.ts'
import { readTextFile, writeTextFile } from './text-file.ts'

export const projectFile = 'backlot.yaml'
export const lockFile = 'backlot.lock'

export interface OpenProject {
  /** The store that is used with it. */
  readonly home: string
  readonly path: string
  readonly folder: string
  readonly lockPath: string
  readonly text: string
  readonly project: Project
  /** Undefined when there is none yet. */
  readonly lock: Lockfile | undefined
}

/** @throws AppError `cli/no-project`, `model/bad-file`, `model/bad-lockfile` */
export function openProject(context: AppContext): OpenProject {
  const folder = findProjectFolder(context.cwd)
  if (folder === undefined)
    throw new AppError('cli/no-project', `No ${projectFile} in ${context.cwd} or above it`, {
      hints: [
        existsSync(join(context.cwd, projectFile))
          ? `${projectFile} here is a folder or a pipe: move it away, then \`backlot init\` makes the file.`
          : '`backlot init` makes one here.',
      ],
    })
  const path = join(folder, projectFile)
  const lockPath = join(folder, lockFile)
  const text = readTextFile(path, 'project') ?? ''
  const lockText = readTextFile(lockPath, 'lockfile')
  return {
    home: context.home,
    path,
    folder,
    lockPath,
    text,
    project: parseProject(text, path),
    lock: lockText === undefined ? undefined : parseLockfile(lockText, lockPath),
  }
}

/** @throws AppError `cli/no-environment` */
export function environmentOf(at: OpenProject, name: string): Environment {
  const found = at.project.environments[name]
  if (found !== undefined) return found
  const known = Object.keys(at.project.environments)
  const guess = didYouMean(name, known)
  throw new AppError('cli/no-environment', `${at.path} has no environment '${name}'`, {
    hints: [
      ...(guess === undefined ? [] : [`Did you mean '${guess}'?`]),
      known.length === 0
        ? 'Write one under `environment:`, or run `backlot add PACKAGE`.'
        : `It has: ${known.join(', ')}.`,
    ],
  })
}

export function targetsOf(environment: Environment): readonly Target[] {
  return environment.targets.length > 0 ? environment.targets : [hostTarget()]
}

/** What was asked for, as the lockfile remembers it. */
export function requestDigest(environment: Environment): Digest {
  return digestOf(
    canonicalJson({
      platform: environment.platform,
      packages: environment.packages.map((requirement) => formatRequirement(requirement)),
      targets: environment.targets,
      excludeNewer: environment.excludeNewer,
    }),
  )
}

/**
 * The lockfile as it is now, with one environment changed; written only when its text changes.
 * `change` gets what is there now, which another command may have written meanwhile; undefined
 * from it leaves that.
 */
export function saveLocked(
  at: OpenProject,
  name: string,
  change: (now: LockedEnvironment | undefined) => LockedEnvironment | undefined,
): boolean {
  using _held = holdLockfile(at.home, at.folder)
  const now = readTextFile(at.lockPath, 'lockfile')
  const before = now === undefined ? {} : parseLockfile(now, at.lockPath).environments
  const kept = Object.entries(before).filter(([known]) => known in at.project.environments)
  const locked = change(before[name])
  if (locked === undefined) return false
  const environments = { ...Object.fromEntries(kept), [name]: locked }
  const text = formatLockfile({ lockfile: 1, environments })
  if (text === now) return false
  writeTextFile(at.lockPath, text)
  return true
}
