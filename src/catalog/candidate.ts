/**
 * Candidates: what can be chosen for a package, best first.
 *
 * Order: kept versions, then newest; of one version what the OS has, then builds, then what has
 * to be built; builds and recipes nearer to the default options first, then newer builds.
 * Deprecated builds come after everything else of the package.
 * Invariant: the order is total, so it does not depend on the order of the entries.
 */
import {
  type HostFact,
  type OptionValue,
  recipeAt,
  type Recipe,
  type RecipeVersion,
  type Target,
  type Version,
} from '#model/index.ts'
import { canonicalJson } from '#kernel/index.ts'
import type { BuildEntry, CatalogEntry, RecipeEntry, SystemEntry } from './entry.ts'

export type Options = Readonly<Record<string, OptionValue>>

interface Common {
  readonly name: string
  readonly version: Version
}
export type Candidate = Common &
  (
    | { readonly kind: 'build'; readonly entry: BuildEntry }
    | { readonly kind: 'recipe'; readonly entry: RecipeEntry; readonly options: Options }
    | { readonly kind: 'system'; readonly entry: SystemEntry }
    | { readonly kind: 'host'; readonly fact: HostFact }
  )

export interface CandidateContext {
  readonly target: Target
  /** `CY2024`; builds for another platform are none of ours. */
  readonly platform: string | undefined
  /** Options that somebody asks of a package, by its name. */
  readonly demanded: ReadonlyMap<string, readonly Options[]>
  readonly keep: ReadonlyMap<string, string>
}

/** What can be chosen for a package, best first. */
export function candidatesOf(
  name: string,
  entries: readonly CatalogEntry[],
  context: CandidateContext,
): readonly Candidate[] {
  const recipes = new Map<string, Recipe>()
  for (const entry of entries)
    if (entry.kind === 'recipe') recipes.set(entry.version.text, entry.recipe)
  const candidates = entries.flatMap((entry): readonly Candidate[] => {
    switch (entry.kind) {
      case 'build':
        return fits(entry, context) ? [{ kind: 'build', name, version: entry.version, entry }] : []
      case 'recipe':
        return choicesOf(entry.recipe, context.demanded.get(name) ?? []).map((options) => ({
          kind: 'recipe',
          name,
          version: entry.version,
          entry,
          options,
        }))
      case 'system': {
        const { version } = entry
        return version === undefined ? [] : [{ kind: 'system', name, version, entry }]
      }
    }
  })
  const kept = context.keep.get(name)
  const ranked = candidates.map((candidate) => ({
    candidate,
    rank: rankOf(candidate, recipes.get(candidate.version.text)),
    kept: candidate.version.text === kept,
  }))
  return ranked
    .sort(
      (a, b) =>
        Number(b.kept) - Number(a.kept) ||
        Number(a.rank.deprecated) - Number(b.rank.deprecated) ||
        compareText(b.candidate.version.key, a.candidate.version.key) ||
        a.rank.kind - b.rank.kind ||
        a.rank.unusual - b.rank.unusual ||
        b.rank.epoch - a.rank.epoch ||
        compareText(a.rank.tie, b.rank.tie),
    )
    .map(({ candidate }) => candidate)
}

function fits({ config }: BuildEntry, { target, platform }: CandidateContext): boolean {
  return config.target === target && (platform === undefined || config.platform === platform)
}

function rankOf(candidate: Candidate, recipe: Recipe | undefined) {
  const options = optionsOf(candidate)
  const unusual = Object.keys(options).filter(
    (option) => options[option] !== (recipe?.options[option]?.default ?? false),
  ).length
  const rank = { deprecated: false, unusual, epoch: 0 }
  switch (candidate.kind) {
    case 'build': {
      const { config, manifest } = candidate.entry
      const { epoch, deprecated = false } = config
      return { ...rank, kind: 1, deprecated, epoch, tie: manifest }
    }
    case 'recipe':
      return { ...rank, kind: 2, tie: canonicalJson(options) + candidate.entry.digest }
    case 'system':
    case 'host':
      return { ...rank, kind: 0, tie: candidate.version.text }
  }
}

/** The options that a candidate has. */
export function optionsOf(candidate: Candidate): Options {
  switch (candidate.kind) {
    case 'build':
      return candidate.entry.config.options
    case 'recipe':
      return candidate.options
    case 'system':
    case 'host':
      return {}
  }
}

/** Combinations of demanded options are tried up to this many for one package. */
const choicesMax = 64

/** The options that a recipe may be built with: its defaults, and what is demanded of them. */
function choicesOf(recipe: Recipe, demanded: readonly Options[]): readonly Options[] {
  const defaults: Record<string, OptionValue> = {}
  for (const [option, declared] of Object.entries(recipe.options))
    defaults[option] = declared.default
  let partial: Options[] = [{}]
  for (const demand of demanded.filter((options) => isDeclared(recipe, options))) {
    const merged = partial.map((one) => mergedOptions(one, demand))
    partial = [...partial, ...merged.filter((one) => one !== undefined)].slice(0, choicesMax)
  }
  const choices = partial.map((options) => asDeclared(recipe, { ...defaults, ...options }))
  return [...new Map(choices.map((options) => [canonicalJson(options), options])).values()]
}

/** Values as the recipe writes them: `true` of an option with listed values is a text. */
function asDeclared(recipe: Recipe, options: Options): Options {
  const pairs = Object.entries(options).map(([option, value]) => {
    const listed = recipe.options[option]?.values !== undefined
    return [option, listed ? String(value) : value] as const
  })
  return Object.fromEntries(pairs)
}

/** Whether a recipe has these options, and these values of them. */
export function isDeclared(recipe: Recipe, options: Options): boolean {
  return Object.entries(options).every(([option, value]) => {
    if (!Object.hasOwn(recipe.options, option)) return false
    const { values = ['true', 'false'] } = recipe.options[option] ?? {}
    return values.includes(String(value))
  })
}

function mergedOptions(a: Options, b: Options): Options | undefined {
  for (const [option, value] of Object.entries(b))
    if ((a[option] ?? value) !== value) return undefined
  return { ...a, ...b }
}

/** A recipe candidate with its conditions decided. */
export function recipeOf(
  candidate: Candidate & { readonly kind: 'recipe' },
  target: Target,
): RecipeVersion {
  return recipeAt(candidate.entry.recipe, candidate.version, candidate.options, target)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
