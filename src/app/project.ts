/**
 * The project at hand: its backlot.yaml and its lockfile.
 *
 * Invariant: both files are replaced whole or not at all.
 * Not here: the recipes it can see (`recipes.ts`).
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  AppError,
  digestOf,
  findProjectFolder,
  canonicalJson,
  type Digest,
  limits,
  readIfPresent,
  systemCode,
  writeFileAtomic,
} from '#kernel/index.ts'
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

export const projectFile = 'backlot.yaml'
const lockFile = 'backlot.lock'

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
          ? `${projectFile} is a folder here: move it away, then \`backlot init\` makes the file.`
          : '`backlot init` makes one here.',
      ],
    })
  const path = join(folder, projectFile)
  const lockPath = join(folder, lockFile)
  const text = readText(path, limits.recipeBytesMax)
  const lockText = readOptionalText(lockPath, limits.lockfileBytesMax)
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

/** The lockfile as it is now, with one environment put in; written only when its text changes. */
export function saveLocked(at: OpenProject, name: string, locked: LockedEnvironment): boolean {
  using _held = holdLockfile(at.home, at.folder)
  const now = readOptionalText(at.lockPath, limits.lockfileBytesMax)
  const before = now === undefined ? {} : parseLockfile(now, at.lockPath).environments
  const kept = Object.entries(before).filter(([known]) => known in at.project.environments)
  const environments = { ...Object.fromEntries(kept), [name]: locked }
  const text = formatLockfile({ lockfile: 1, environments })
  if (text === now) return false
  writeFileAtomic(at.lockPath, text)
  return true
}

/**
 * A text file of a project; undefined when there is none.
 * @throws AppError `kernel/too-large`, `model/bad-file`, `model/bad-lockfile`
 */
export function readOptionalText(path: string, maxBytes: number): string | undefined {
  const bytes = readFile(path)
  if (bytes === undefined) return undefined
  if (bytes.byteLength > maxBytes)
    throw new AppError('kernel/too-large', `${path} is larger than ${maxBytes} bytes`)
  return new TextDecoder().decode(bytes)
}

function readFile(path: string): Uint8Array | undefined {
  try {
    return readIfPresent(path)
  } catch (error) {
    const why = { EISDIR: 'it is a folder', EACCES: 'it may not be read' }[systemCode(error) ?? '']
    if (why === undefined) throw error
    const code = path.endsWith(lockFile) ? 'model/bad-lockfile' : 'model/bad-file'
    throw new AppError(code, `${path} cannot be read: ${why}`, {
      hints: ['Move it away or mend its permissions, then run this again.'],
      cause: error,
    })
  }
}

function readText(path: string, maxBytes: number): string {
  return readOptionalText(path, maxBytes) ?? ''
}
