/**
 * An environment's files outside a namespace: installed into a prefix, or as a view anywhere.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { installView, relocate } from '#env/index.ts'
import { AppError, temporaryName, walk } from '#kernel/index.ts'
import { materialise } from '#store/index.ts'
import { linkEnvironment } from './launch.ts'
import type { OpenProject } from './project.ts'
import type { EnvironmentChoice, InstallResult } from './results.ts'
import type { World } from './world.ts'

/** Makes the prefix hold exactly this environment beside what is not ours. */
export async function installEnvironment(
  world: World,
  at: OpenProject,
  options: EnvironmentChoice & { readonly prefix: string },
): Promise<InstallResult> {
  const { prefix: viewPrefix, locked } = await linkEnvironment(world, at, options)
  const folder = resolve(world.context.cwd, options.prefix)
  const report = await installView({
    name: locked.name,
    viewPrefix,
    destination: folder,
    signal: world.context.signal,
  })
  const { added, removed, kept, unmovable } = report
  return { folder, added, removed, kept, unmovable }
}

/** Links or copies the files into a new folder and rewrites the prefix in text files. */
export async function viewEnvironment(
  world: World,
  at: OpenProject,
  options: EnvironmentChoice & { readonly folder: string; readonly copy: boolean },
): Promise<InstallResult> {
  const folder = resolve(world.context.cwd, options.folder)
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new AppError('cli/exists', `${folder} exists and is not empty`, {
      hints: ['Name a folder that does not exist; `backlot install` updates one in place.'],
    })
  const { locked } = await linkEnvironment(world, at, options)
  const layers = locked.at.packages.flatMap((one) => (one.kind === 'build' ? one.layer : []))
  const temporary = temporaryBeside(world.context.home, folder)
  try {
    await materialise(world.store, layers, temporary, options.copy ? 'copy' : 'hardlink')
    const made = join(temporary, 'usr/local')
    const report = await relocate({
      folder: made,
      from: '/usr/local',
      to: folder,
      signal: world.context.signal,
    })
    const added = [...walk(made)].filter(({ entry }) => !entry.isDirectory()).length
    rmSync(folder, { recursive: true, force: true })
    renameSync(made, folder)
    return { folder, added, removed: 0, kept: 0, unmovable: report.unmovable }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** In the store where a rename reaches the folder from there: collection sweeps what a kill left. */
function temporaryBeside(home: string, folder: string): string {
  const inside = join(home, 'tmp')
  const parent = dirname(folder)
  mkdirSync(parent, { recursive: true })
  const near = isWritable(inside) && statSync(inside).dev === statSync(parent).dev
  return temporaryName(near ? join(inside, basename(folder)) : folder)
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
