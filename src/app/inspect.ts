/**
 * Questions about an environment and about packages; nothing is changed but the lockfile, where
 * the mode allows it.
 */
import type { BuildEntry } from '#catalog/index.ts'
import { AppError } from '#kernel/index.ts'
import {
  didYouMean,
  formatRequirement,
  hostTarget,
  type LockedPackage,
  type Recipe,
} from '#model/index.ts'
import { gatherCatalog } from './catalogs.ts'
import { chainsTo } from './chains.ts'
import { lockEnvironment, lockOptions, type Locked, rowOf } from './lock.ts'
import { byNames } from './names.ts'
import { environmentOf, type OpenProject } from './project.ts'
import type { EnvironmentChoice, PackageInfo, PackageRow, TreeNode, WhyResult } from './results.ts'
import { bareName, notInEnvironment, unsolvableError } from './refusals.ts'
import type { World } from './world.ts'

/** The environment, locked first where it has to be. @throws AppError `cli/unsolvable` */
export async function lockedOf(
  world: World,
  at: OpenProject,
  choice: EnvironmentChoice,
): Promise<Locked> {
  const outcome = await lockEnvironment(world, at, { ...lockOptions(choice), elsewhere: true })
  if (outcome.kind === 'unsolvable') throw unsolvableError(outcome.why)
  return outcome
}

export async function listPackages(
  world: World,
  at: OpenProject,
  choice: EnvironmentChoice,
): Promise<readonly PackageRow[]> {
  return (await lockedOf(world, at, choice)).at.packages.map(rowOf)
}

/** What was asked for, each with what it needs; a package's own needs are told once. */
export async function packageTree(
  world: World,
  at: OpenProject,
  choice: EnvironmentChoice,
): Promise<readonly TreeNode[]> {
  const locked = await lockedOf(world, at, choice)
  const known = byNames(locked.at.packages)
  const told = new Set<string>()
  const node = (one: LockedPackage): TreeNode => {
    const { name, version, kind, provides } = one
    const repeated = told.has(name) && one.depends.length > 0
    told.add(name)
    const depends = repeated ? [] : one.depends.flatMap((next) => known.get(next) ?? []).map(node)
    return { name, version, kind, depends, repeated, ...(provides && { provides }) }
  }
  return roots(at, locked, choice)
    .flatMap((name) => known.get(name) ?? [])
    .map(node)
}

function roots(at: OpenProject, locked: Locked, choice: EnvironmentChoice): readonly string[] {
  const environment = environmentOf(at, choice.environment ?? 'default')
  const asked = environment.packages.filter((requirement) => requirement.kind === 'require')
  const known = byNames(locked.at.packages)
  return [...new Set(asked.flatMap(({ name }) => known.get(name)?.name ?? []))]
}

/** Every chain of demands from what was asked for to a package. */
export async function whyPackage(
  world: World,
  at: OpenProject,
  choice: EnvironmentChoice & { readonly name: string },
): Promise<WhyResult> {
  const locked = await lockedOf(world, at, choice)
  const known = byNames(locked.at.packages)
  const wanted = known.get(choice.name)?.name
  if (wanted === undefined) throw notInEnvironment(choice.name, [...known.keys()])
  const needs = new Map(locked.at.packages.map((one) => [one.name, one.depends]))
  const chains = chainsTo({ asked: roots(at, locked, choice), needs }, wanted)
  const told = (name: string) => `${name} ${known.get(name)?.version ?? ''}`.trim()
  return { name: wanted, chains: chains.map((chain) => chain.map(told)) }
}

/** Names of packages in one hint. */
const namesMax = 60

function unknownPackage(
  name: string,
  known: readonly string[],
  providers: readonly string[],
): AppError {
  const bare = bareName(name)
  const guess = known.includes(bare) ? bare : didYouMean(name, known)
  const names = [...new Set(known)].sort()
  const more = names.length - namesMax
  const shown = more < 2 ? names : [...names.slice(0, namesMax), `and ${more} more`]
  return new AppError('cli/unknown-package', `No recipe and no build of '${name}' is known`, {
    hints: [
      ...(providers.length === 0 ? [] : [`These answer to it: ${providers.join(', ')}.`]),
      ...(guess === undefined ? [] : [`Did you mean '${guess}'?`]),
      `Packages with recipes: ${shown.join(', ')}.`,
    ],
  })
}

/** What is known of a package: its recipe, its versions and where builds of them are. */
export async function packageInfo(
  world: World,
  at: OpenProject,
  choice: EnvironmentChoice & { readonly name: string },
): Promise<PackageInfo> {
  const { name } = choice
  const { catalog, recipes } = await gatherCatalog(world, at, [name])
  const recipe = recipes.get(name)?.recipe
  const builds = catalog.entries(name).filter((entry) => entry.kind === 'build')
  if (recipe === undefined && builds.length === 0)
    throw unknownPackage(name, [...recipes.names(), ...catalog.names()], catalog.providers(name))
  const locked = at.lock?.environments[choice.environment ?? 'default']
  const target = locked?.targets[hostTarget()]
  return {
    name,
    summary: recipe?.summary,
    license: recipe?.license,
    homepage: recipe?.homepage,
    versions: versionsOf(recipe, builds),
    requires: (recipe?.requires ?? []).map((one) => formatRequirement(one.requirement)),
    exports: exportsOf(recipe),
    locked: target?.packages.find((one) => one.name === name)?.version,
  }
}

function versionsOf(
  recipe: Recipe | undefined,
  builds: readonly BuildEntry[],
): PackageInfo['versions'] {
  const fromRecipe = (recipe?.versions ?? []).map((entry) => entry.version.text)
  const all = [...new Set([...fromRecipe, ...builds.map((build) => build.version.text)])]
  return all.map((version) => ({
    version,
    recipe: fromRecipe.includes(version),
    builds: builds
      .filter((build) => build.version.text === version)
      .map((build) => ({ build: build.manifest, target: build.config.target })),
  }))
}

function exportsOf(recipe: Recipe | undefined): PackageInfo['exports'] {
  if (recipe === undefined) return {}
  const { cmake, pkgConfig, programs, python } = recipe.exports
  const all = {
    cmake: cmake.flatMap((one) => one.targets),
    'pkg-config': pkgConfig.map((one) => one.name),
    programs: programs.map((one) => one.name),
    python: python.map((one) => one.name),
  }
  return Object.fromEntries(Object.entries(all).filter(([, names]) => names.length > 0))
}
