/**
 * Making and changing backlot.yaml.
 *
 * Invariant: the file is written only when what it then asks for can be solved.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AppError } from '#kernel/index.ts'
import { findPlatform, parseProject, parseTypedRequirement, platformYears } from '#model/index.ts'
import { stringify } from 'yaml'
import type { AppContext } from './context.ts'
import { withoutRequirements, withRequirements } from './edit-text.ts'
import { holdProject } from './hold.ts'
import { lockEnvironment, lockOptions, lockResult } from './lock.ts'
import { openProject, projectFile } from './project.ts'
import type { EditResult, EnvironmentChoice, InitResult } from './results.ts'
import { writeTextFile } from './text-file.ts'
import type { World } from './world.ts'

/** Writes a new backlot.yaml. @throws AppError `cli/exists`, `model/unknown-platform` */
export function initProject(
  context: AppContext,
  options: {
    readonly folder?: string
    readonly platform?: string
    readonly packages: readonly string[]
  },
): InitResult {
  const folder = resolve(context.cwd, options.folder ?? '.')
  const path = join(folder, projectFile)
  if (existsSync(path))
    throw new AppError('cli/exists', `${path} exists already`, {
      hints: ['`backlot add PACKAGE` adds to it.'],
    })
  const platform = findPlatform(options.platform ?? newestFinal()).year
  for (const requirement of options.packages) parseTypedRequirement(requirement)
  const text = `# What this project works in: https://vfxplatform.com/ gives the year its versions.
${stringify({ environment: { platform, packages: options.packages } })}`
  parseProject(text, path)
  mkdirSync(folder, { recursive: true })
  writeTextFile(path, text)
  return { path, platform, packages: options.packages }
}

function newestFinal(): string {
  const final = platformYears.filter((year) => findPlatform(year).status === 'final')
  return final.toSorted().at(-1) ?? ''
}

type Edit = EnvironmentChoice & { readonly packages: readonly string[] }

export function addPackages(world: World, choice: Edit): Promise<EditResult> {
  return edit(world, choice, withRequirements)
}

export function removePackages(world: World, choice: Edit): Promise<EditResult> {
  return edit(world, choice, withoutRequirements)
}

async function edit(
  world: World,
  choice: Edit,
  change: (text: string, environment: string, packages: readonly string[]) => string,
): Promise<EditResult> {
  const { home } = world.context
  using _held = await holdProject(home, openProject(world.context).folder)
  const before = openProject(world.context)
  const options = { ...lockOptions(choice), elsewhere: true }
  const text = change(before.text, options.environment, choice.packages)
  const at = { ...before, text, project: parseProject(text, before.path) }
  const outcome = await lockEnvironment(world, at, options)
  if (outcome.kind === 'locked' && text !== before.text) writeTextFile(at.path, text)
  return {
    path: at.path,
    isNewEnvironment: !Object.hasOwn(before.project.environments, options.environment),
    requested: [...new Set(choice.packages)],
    lock: lockResult(before, options, outcome),
  }
}
