/**
 * Everything that the solver may choose from: recipes, builds here and in the registry, and what
 * the operating system has.
 *
 * Only the packages that a request can reach are looked up.
 */
import { join } from 'node:path'
import {
  type BuildEntry,
  type BuildFacts,
  type BuildIndex,
  type Catalog,
  type CatalogEntry,
  catalogMediaTypes,
  catalogOf,
  decodeCatalog,
  readShelf,
  recipeEntries,
  writeShelf,
} from '#catalog/index.ts'
import { detectSystem, readDistribution } from '#env/index.ts'
import { AppError, type Digest, limits, readAll } from '#kernel/index.ts'
import { hostTarget, isVirtualName, needsAt, parseRequirement, recipeAt } from '#model/index.ts'
import { parseManifest, parseReference } from '#oci/index.ts'
import { localBuilds } from './builds.ts'
import type { OpenProject } from './project.ts'
import { type KnownRecipe, openRecipes, type RecipeBook, shelfName } from './recipes.ts'
import type { World } from './world.ts'

export interface Choice {
  readonly catalog: Catalog
  readonly recipes: RecipeBook
}

/** The catalog for a request that names these packages. */
export async function gatherCatalog(
  world: World,
  at: OpenProject,
  names: readonly string[],
): Promise<Choice> {
  const recipes = openRecipes(at, world.context)
  const local = await localBuilds(world)
  const reached = await reach(world, names, {
    recipes,
    local,
    registry: at.project.registry,
  })
  const entries: CatalogEntry[] = [...reached.builds]
  for (const name of reached.names) {
    const known = recipes.get(name)
    if (known === undefined) continue
    const { recipe, digest, folder } = known
    if (recipe.kind === 'build') entries.push(...recipeEntries(recipe, { digest, folder }))
    else entries.push(await systemEntry(world, known))
  }
  const current = entries.filter((entry) => entry.kind !== 'build' || !isStale(entry, recipes))
  const catalog = catalogOf(current)
  const all = () => new Set([...catalog.names(), ...recipes.names(), ...local.names()])
  return { catalog: { ...catalog, names: all }, recipes }
}

/** A build made from an earlier text of a recipe that is the project's own is not wanted any more. */
function isStale(build: BuildEntry, recipes: RecipeBook): boolean {
  const known = recipes.get(build.name)
  if (known === undefined || known.shipped || known.recipe.kind !== 'build') return false
  if (!known.recipe.versions.some((entry) => entry.version.text === build.config.version))
    return build.origin === 'local'
  const { options, target, recipe } = build.config
  return recipeAt(known.recipe, build.version, options, target).digest !== recipe
}

interface Reached {
  readonly names: ReadonlySet<string>
  readonly builds: readonly BuildEntry[]
}

/** Follows requirements from the asked-for names, a level at a time. */
async function reach(
  world: World,
  names: readonly string[],
  from: {
    readonly recipes: RecipeBook
    readonly local: BuildIndex
    readonly registry: string | undefined
  },
): Promise<Reached> {
  const seen = new Set<string>()
  const builds: BuildEntry[] = []
  const { recipes, local: index } = from
  let { registry } = from
  for (let level = [...names]; level.length > 0; ) {
    const fresh = [...new Set(level)].filter((name) => !seen.has(name) && !isVirtualName(name))
    for (const name of fresh) seen.add(name)
    const remote = await Promise.all(fresh.map((name) => remoteBuilds(world, registry, name)))
    if (remote.includes('unreachable')) registry = undefined
    const found = fresh.flatMap((name, at) => {
      const listed = remote[at]
      const local = index.builds(name)
      const known = new Set(local.map((build) => build.manifest))
      if (listed === undefined || listed === 'unreachable') return local
      return [...local, ...listed.filter((build) => !known.has(build.manifest))]
    })
    builds.push(...found)
    level = [
      ...found.flatMap(({ config }) => neededBy(config)),
      ...fresh.flatMap((name) => requiredBy(recipes.get(name))),
      ...fresh.flatMap((name) => [...recipes.providers(name), ...index.providers(name)]),
    ]
  }
  return { names: seen, builds }
}

function neededBy({ requires, system, constraints }: BuildFacts): readonly string[] {
  const later = constraints.map((text) => parseRequirement(text))
  const needed = later.filter((one) => one.kind === 'require')
  return [...requires, ...system, ...needed].map(({ name }) => name)
}

function requiredBy(known: KnownRecipe | undefined): readonly string[] {
  if (known === undefined) return []
  const { requires, runRequires, buildRequires } = known.recipe
  return [...requires, ...runRequires, ...buildRequires].map((one) => one.requirement.name)
}

/** What the registry's catalog lists for a package. A registry that is away is only a warning. */
async function remoteBuilds(
  world: World,
  registry: string | undefined,
  name: string,
): Promise<readonly BuildEntry[] | 'unreachable' | undefined> {
  if (registry === undefined) return undefined
  try {
    return (await pullCatalog(world, registry, name))?.builds
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'oci/unreachable') throw error
    const text = `${registry} cannot be reached; going on with what is here`
    world.context.emit({ kind: 'warning', text, hints: error.hints })
    return 'unreachable'
  }
}

/** A package's catalog artifact as a registry has it. */
export interface PulledCatalog {
  /** Of its manifest, to replace just this one. */
  readonly digest: Digest
  readonly builds: readonly BuildEntry[]
}

/** Undefined when the registry has none. @throws AppError `solver/bad-catalog` */
export async function pullCatalog(
  world: World,
  registry: string,
  name: string,
): Promise<PulledCatalog | undefined> {
  const reference = parseReference(`${registry}/${name}:catalog`)
  const found = await world.client.resolve(reference)
  if (found === undefined) return undefined
  // A catalog that did not change since is neither asked for nor sent again.
  const path = join(world.context.home, 'cache', 'catalogs', shelfName(`${registry}/${name}`))
  const known = readShelf(path)
  const kept = known?.stamp === found.digest ? known.sections.get(name) : undefined
  if (kept !== undefined)
    return { digest: found.digest, builds: decodeCatalog(kept.bytes, { name, origin: registry }) }
  const { bytes, mediaType, digest } = await world.client.pullManifest(reference)
  const parsed = parseManifest(bytes, mediaType, `${registry}/${name}:catalog`)
  const [layer] = parsed.kind === 'manifest' ? parsed.manifest.layers : []
  if (layer?.mediaType !== catalogMediaTypes.layer)
    throw new AppError('solver/bad-catalog', `${registry}/${name}:catalog is not a catalog`, {
      hints: [`\`backlot catalog rebuild ${registry}/${name}\` makes it anew.`],
    })
  const blob = world.client.pullBlob(reference, layer, { signal: world.context.signal })
  const content = await readAll(blob, limits.catalogBytesMax, `catalog ${digest}`)
  const builds = decodeCatalog(content, { name, origin: registry })
  writeShelf(path, { stamp: digest, sections: new Map([[name, { about: [], bytes: content }]]) })
  return { digest, builds }
}

async function systemEntry(world: World, known: KnownRecipe): Promise<CatalogEntry> {
  const { env, signal } = world.context
  const distribution = readDistribution()
  const found = await detectSystem(known.recipe, { env, signal, distribution })
  const { name } = known.recipe
  return found.kind === 'found'
    ? {
        kind: 'system',
        name,
        version: found.version,
        provides: needsAt(known.recipe, found.version, {}, hostTarget()).provides,
      }
    : { kind: 'system', name, install: found.install }
}
