/**
 * Locking every environment of a project, one after the other.
 *
 * One without an answer does not keep the others from being locked.
 */
import { lockEnvironment, lockOptions, lockResult } from './lock.ts'
import { openProject, type OpenProject } from './project.ts'
import type {
  EnvironmentChoice,
  LockAllResult,
  LockResult,
  LockWish,
  Unsolvable,
} from './results.ts'
import type { World } from './world.ts'

export async function lockAll(
  world: World,
  at: OpenProject,
  options: Omit<EnvironmentChoice, 'environment'> & LockWish,
): Promise<LockAllResult> {
  const { update = [], choose = {} } = options
  const environments: LockResult[] = []
  for (const environment of Object.keys(at.project.environments)) {
    // What was locked before is on the disk by now.
    const now = openProject(world.context)
    const wanted = { ...lockOptions({ ...options, environment }), update, choose, elsewhere: true }
    environments.push(lockResult(now, wanted, await lockEnvironment(world, now, wanted)))
  }
  const unsolvable = unsolvableOf(environments)
  return { environments, ...(unsolvable !== undefined && { unsolvable }) }
}

function unsolvableOf(results: readonly LockResult[]): Unsolvable | undefined {
  const failed = results.flatMap(({ environment, unsolvable }) =>
    unsolvable === undefined ? [] : { environment, unsolvable },
  )
  if (failed.length === 0) return undefined
  return {
    sentences: failed.flatMap(({ environment, unsolvable }) =>
      unsolvable.sentences.map((sentence) => `${environment}: ${sentence}`),
    ),
    causes: failed.flatMap(({ unsolvable }) => unsolvable.causes),
    fixes: failed.flatMap(({ environment, unsolvable }) =>
      unsolvable.fixes.map((fix) => ({ ...fix, text: `${environment}: ${fix.text}` })),
    ),
    hints: [...new Set(failed.flatMap(({ unsolvable }) => unsolvable.hints))],
  }
}
