/**
 * Making and changing backlot.yaml.
 *
 * Invariant: the file is written only when what it then asks for can be solved.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AppError, writeFileAtomic } from '#kernel/index.ts'
import { findPlatform, parseProject, parseRequirement, platformYears } from '#model/index.ts'
import { stringify } from 'yaml'
import type { AppContext } from './context.ts'
import { withoutRequirements, withRequirements } from './edit-text.ts'
import { lockEnvironment, lockOptions, lockResult } from './lock.ts'
import { type OpenProject, openProject, projectFile } from './project.ts'
import type { EditResult, EnvironmentChoice, InitResult } from './results.ts'
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
  for (const requirement of options.packages) parseRequirement(requirement)
  const text = `# What this project works in: https://vfxplatform.com/ gives the year its versions.
${stringify({ environment: { platform, packages: options.packages } })}`
  parseProject(text, path)
  mkdirSync(folder, { recursive: true })
  writeFileAtomic(path, text)
  return { path, platform, packages: options.packages }
}

function newestFinal(): string {
  const final = platformYears.filter((year) => findPlatform(year).status === 'final')
  return final.toSorted().at(-1) ?? ''
}

export async function addPackages(
  world: World,
  choice: EnvironmentChoice & { readonly packages: readonly string[] },
): Promise<EditResult> {
  const at = openProject(world.context)
  const name = choice.environment ?? 'default'
  return await edit(world, at, choice, withRequirements(at.text, name, choice.packages))
}

export async function removePackages(
  world: World,
  choice: EnvironmentChoice & { readonly packages: readonly string[] },
): Promise<EditResult> {
  const at = openProject(world.context)
  const name = choice.environment ?? 'default'
  return await edit(world, at, choice, withoutRequirements(at.text, name, choice.packages))
}

async function edit(
  world: World,
  before: OpenProject,
  choice: EnvironmentChoice & { readonly packages: readonly string[] },
  text: string,
): Promise<EditResult> {
  const at = { ...before, text, project: parseProject(text, before.path) }
  const options = lockOptions(choice)
  const outcome = await lockEnvironment(world, at, options)
  if (outcome.kind === 'locked' && text !== before.text) writeFileAtomic(at.path, text)
  return {
    path: at.path,
    requested: choice.packages,
    lock: lockResult(before, options, outcome),
  }
}
