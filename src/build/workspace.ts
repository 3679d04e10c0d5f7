/**
 * The folders that one build works in, and who may use them.
 *
 * Invariant: one process at a time works on a build id; what a killed one left is removed by the
 * next. A failed build's folder stays until then, so that it can be looked at.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Lock, removeTree, systemCode, throwIfCancelled, tryLock } from '#kernel/index.ts'
import type { BuildName } from './record.ts'

/** Host's paths of one build. */
export interface Workspace {
  readonly folder: string
  readonly source: string
  readonly build: string
  readonly stage: string
  /** An empty tree, the view of a build that depends on nothing. */
  readonly empty: string
  readonly logPath: string
}

const pollMs = 100

/** Where a build works, whether or not it is there. */
export function workspaceOf(home: string, build: BuildName): Workspace {
  const name = `${build.name}-${build.version}-${build.buildId.slice(0, 12)}`
  const folder = join(home, 'builds', name)
  return {
    folder,
    source: join(folder, 'src'),
    build: join(folder, 'build'),
    stage: join(folder, 'stage'),
    empty: join(folder, 'empty'),
    logPath: join(home, 'logs', `${name}.log`),
  }
}

/** Waits until nobody else builds the same. @throws AppError `kernel/cancelled` */
export async function lockWorkspace(workspace: Workspace, signal: AbortSignal): Promise<Lock> {
  for (;;) {
    const held = tryLock(`${workspace.folder}.lock`)
    if (held !== undefined) return held
    throwIfCancelled(signal, 'Waiting for a build')
    await Bun.sleep(pollMs)
  }
}

/** Makes the folders anew and starts the log. */
export function openWorkspace(workspace: Workspace, header: string): void {
  removeWorkspace(workspace)
  for (const folder of [workspace.source, workspace.build, workspace.stage])
    mkdirSync(folder, { recursive: true })
  mkdirSync(join(workspace.empty, 'usr', 'local'), { recursive: true })
  mkdirSync(join(workspace.logPath, '..'), { recursive: true })
  writeFileSync(workspace.logPath, header)
}

const removals = 40
const removalWaitMs = 25

/** Removes the folders; the log stays. Waits for what is dying in there and may still write. */
export function removeWorkspace(workspace: Workspace): void {
  for (let left = removals; existsSync(workspace.folder); left -= 1)
    try {
      removeTree(workspace.folder)
    } catch (error) {
      if (left === 0 || systemCode(error) !== 'ENOTEMPTY') throw error
      Bun.sleepSync(removalWaitMs)
    }
}
