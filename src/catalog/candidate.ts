/**
 * Candidates: what can be chosen for a package, best first.
 *
 * Order: kept versions, then newest (or oldest, where the lowest are asked for); of one version
 * those nearest to the default options; of these the kept build, then what the OS has, then builds,
 * newer ones first, then what has to be built. What is deprecated comes after everything else of
 * the package.
 * A name that several packages answer to has a candidate for each candidate of each of them.
 * Invariant: the order is total, so it does not depend on the order of the entries.
 */
import {
  type HostFact,
  needsAt,
  type OptionValue,
  parseVersion,
  recipeAt,
  type Recipe,
  type RecipeVersion,
  type Target,
  type Version,
} from '#model/index.ts'
import { canonicalJson, compareText, type Digest } from '#kernel/index.ts'
import type { BuildEntry, Catalog, CatalogEntry, RecipeEntry, SystemEntry } from './entry.ts'

export type Options = Readonly<Record<string, OptionValue>>

interface Common {
  readonly name: string
  readonly version: Version
  readonly isDeprecated?: boolean
  /** Options that differ from the recipe's defaults, where there is a recipe of this version. */
  readonly unusual?: Options
}
export type Candidate = Common &
  (
    | { readonly kind: 'build'; readonly entry: BuildEntry }
    | { readonly kind: 'recipe'; readonly entry: RecipeEntry; readonly options: Options }
    | { readonly kind: 'system'; readonly entry: SystemEntry }
    | { readonly kind: 'host'; readonly fact: HostFact }
    /** A name that another package answers to, or that others answer to besides it. */
    | { readonly kind: 'provided'; readonly provider: Provider }
  )

/** What is really there when a provided name is chosen. */
export type Provider = Exclude<Candidate, { kind: 'provided' | 'host' }>

export interface CandidateContext {
  readonly target: Target
  /** `CY2024`; builds for another platform are none of ours. */
  readonly platform: string | undefined
  /** Options that somebody asks of a package, by its name. */
  readonly demanded: ReadonlyMap<string, readonly Options[]>
  readonly keep: ReadonlyMap<string, string>
  /** Manifests of the builds that are kept, by name. */
  readonly keepBuilds?: ReadonlyMap<string, Digest> | undefined
  /** Seconds since 1970: what was released later, or nobody knows when, is not there. */
  readonly until?: number | undefined
  /** Packages that get their oldest version first. */
  readonly lowest?: 'all' | ReadonlySet<string> | undefined
  /** Options that are not to be had, as `unusualNames` writes them. */
  readonly withheld?: ReadonlySet<string> | undefined
}

/** Stands for a version that nobody knows. */
const anyOne = parseVersion('any')

/** What can be chosen for a package, best first. */
export function candidatesOf(
  name: string,
  entries: readonly CatalogEntry[],
  context: CandidateContext,
): readonly Candidate[] {
  const recipes = new Map<string, Recipe>()
  for (const entry of entries)
    if (entry.kind === 'recipe') recipes.set(entry.version.key, entry.recipe)
  const candidates = entries.flatMap((entry): readonly Provider[] => {
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
        const version = entry.isAssumed === true ? anyOne : entry.version
        return version === undefined ? [] : [{ kind: 'system', name, version, entry }]
      }
    }
  })
  const ranked = candidates.flatMap((candidate) => {
    const recipe = recipes.get(candidate.version.key)
    const stated = statedOf(candidate, recipe)
    if (!isThere(stated.released, context.until)) return []
    const marked = { ...candidate, ...stated.mark, ...unusualOf(candidate, recipe) }
    if (unusualNames(marked).some((one) => context.withheld?.has(one))) return []
    return { candidate: marked, rank: rankOf(marked, recipe) }
  })
  return ranked
    .sort(
      (a, b) =>
        compareStanding(a.candidate, b.candidate, { name, ...context }) ||
        a.rank.unusual - b.rank.unusual ||
        Number(isKeptBuild(b.candidate, context)) - Number(isKeptBuild(a.candidate, context)) ||
        a.rank.kind - b.rank.kind ||
        b.rank.epoch - a.rank.epoch ||
        compareText(a.rank.tie, b.rank.tie),
    )
    .map(({ candidate }) => candidate)
}

function isKeptBuild(candidate: Candidate, { keepBuilds }: CandidateContext): boolean {
  return candidate.kind === 'build' && keepBuilds?.get(candidate.name) === candidate.entry.manifest
}

interface Stated {
  /** Seconds since 1970; `always` for what is no release, undefined where nobody knows. */
  readonly released: number | 'always' | undefined
  readonly mark: Pick<Candidate, 'isDeprecated'>
}

/** What a recipe says of a version, also where a build of it is looked at. */
function statedOf(candidate: Candidate, recipe: Recipe | undefined): Stated {
  const { key } = candidate.version
  const entry = recipe?.versions.find((one) => one.version.key === key)
  const released = entry?.released ?? entry?.epoch
  const mark = entry?.deprecated === undefined ? {} : { isDeprecated: true }
  if (candidate.kind === 'recipe') return { released, mark }
  if (candidate.kind !== 'build') return { released: 'always', mark: {} }
  const { epoch, deprecated } = candidate.entry.config
  return { released: released ?? epoch, mark: deprecated === true ? { isDeprecated: true } : mark }
}

/** When the version of an entry was released, as `Stated` has it. */
export function releaseOf(entry: BuildEntry | RecipeEntry, catalog: Catalog): Stated['released'] {
  const of = (one: CatalogEntry) => one.kind === 'recipe' && one.version.key === entry.version.key
  const recipe = catalog.entries(entry.name).find(of)
  const { name, version } = entry
  const known = recipe?.kind === 'recipe' ? recipe.recipe : undefined
  return entry.kind === 'build'
    ? statedOf({ kind: 'build', name, version, entry }, known).released
    : statedOf({ kind: 'recipe', name, version, entry, options: {} }, known).released
}

function isThere(released: Stated['released'], until: number | undefined): boolean {
  if (until === undefined || released === 'always') return true
  return released !== undefined && released <= until
}

/** Kept ones first, deprecated ones last, else by version. */
export function compareStanding(
  a: Candidate,
  b: Candidate,
  context: Pick<CandidateContext, 'keep' | 'lowest'> & { readonly name: string },
): number {
  const [left, right] = [realOf(a), realOf(b)]
  const isKept = (one: Candidate) => context.keep.get(one.name) === one.version.text
  const { lowest, name } = context
  const direction = lowest === 'all' || lowest?.has(name) === true ? 1 : -1
  return (
    Number(isKept(right)) - Number(isKept(left)) ||
    Number(left.isDeprecated ?? false) - Number(right.isDeprecated ?? false) ||
    direction * compareText(a.version.key, b.version.key)
  )
}

/** Whether two candidates of one name stand equal, and are one version of one package. */
export function isSameVersion(a: Candidate, b: Candidate): boolean {
  const [left, right] = [realOf(a), realOf(b)]
  return (
    a.version.key === b.version.key &&
    left.name === right.name &&
    left.version.key === right.version.key &&
    (left.isDeprecated ?? false) === (right.isDeprecated ?? false)
  )
}

/** What is there when a candidate is chosen. */
export function realOf(candidate: Candidate): Exclude<Candidate, { kind: 'provided' }> {
  return candidate.kind === 'provided' ? candidate.provider : candidate
}

/** Other names that a candidate answers to. */
export function provisionsOf(
  candidate: Candidate,
  target: Target,
): readonly { readonly name: string; readonly version: Version }[] {
  switch (candidate.kind) {
    case 'recipe':
      return candidate.entry.recipe.provides.length === 0 ? [] : needsOf(candidate, target).provides
    case 'build':
      return candidate.entry.config.provides.map(({ name, version }) => ({
        name,
        version: parseVersion(version),
      }))
    case 'system':
      return candidate.entry.provides ?? []
    case 'host':
    case 'provided':
      return []
  }
}

function fits({ config }: BuildEntry, { target, platform }: CandidateContext): boolean {
  return config.target === target && (platform === undefined || config.platform === platform)
}

function unusualOf(
  candidate: Provider,
  recipe: Recipe | undefined,
): Pick<Candidate, 'unusual'> | undefined {
  const unusual = Object.entries(optionsOf(candidate)).filter(([option, value]) => {
    const declared = recipe?.options[option]
    return declared !== undefined && String(declared.default) !== String(value)
  })
  return unusual.length === 0 ? undefined : { unusual: Object.fromEntries(unusual) }
}

/** The unusual options of a candidate, as a request asks for them: `openexr[python=true]`. */
export function unusualNames({ name, unusual = {} }: Candidate): readonly string[] {
  return Object.entries(unusual).map(([option, value]) => `${name}[${option}=${String(value)}]`)
}

function rankOf(candidate: Provider, recipe: Recipe | undefined) {
  const options = optionsOf(candidate)
  const chosen = Object.values(options).filter((value) => value !== false)
  const unusual = Object.keys(recipe === undefined ? chosen : (candidate.unusual ?? {})).length
  const rank = { unusual, epoch: 0 }
  switch (candidate.kind) {
    case 'build': {
      const { config, manifest } = candidate.entry
      return { ...rank, kind: 1, epoch: config.epoch, tie: manifest }
    }
    case 'recipe':
      return { ...rank, kind: 2, tie: canonicalJson(options) + candidate.entry.digest }
    case 'system':
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
    case 'provided':
      return optionsOf(candidate.provider)
    case 'system':
    case 'host':
      return {}
  }
}

/** Combinations of demanded options are tried up to this many for one version. */
const choicesMax = 4096

/** The options that a recipe may be built with: its defaults, and what is demanded of them. */
function choicesOf(recipe: Recipe, demanded: readonly Options[]): readonly Options[] {
  const defaults: Record<string, OptionValue> = {}
  for (const [option, declared] of Object.entries(recipe.options))
    defaults[option] = declared.default
  const { unions } = unionsOf(recipe, demanded)
  const choices = unions.map((options) => asDeclared(recipe, { ...defaults, ...options }))
  return [...new Map(choices.map((options) => [canonicalJson(options), options])).values()]
}

/**
 * Whether some combinations of demanded options are no candidates, because there are too many;
 * that no candidate fits then proves nothing.
 */
export function hasTooManyChoices(recipe: Recipe, demanded: readonly Options[]): boolean {
  return unionsOf(recipe, demanded).isCut
}

/** Every union of demands that agree; each alone, and with all that agree with it, is never cut. */
function unionsOf(recipe: Recipe, demanded: readonly Options[]) {
  const possible = demanded.filter((options) => isDeclared(recipe, options))
  const widest = possible.map((first) =>
    possible.reduce((union, one) => mergedOptions(union, one) ?? union, first),
  )
  const unions = new Map([{}, ...widest, ...possible].map((one) => [canonicalJson(one), one]))
  for (const demand of possible) {
    const before = [...unions.values()]
    for (const one of before) {
      const merged = mergedOptions(one, demand)
      if (merged === undefined) continue
      const key = canonicalJson(merged)
      if (unions.has(key)) continue
      if (unions.size >= choicesMax) return { unions: [...unions.values()], isCut: true }
      unions.set(key, merged)
    }
  }
  return { unions: [...unions.values()], isCut: false }
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
    if (Object.hasOwn(a, option) && a[option] !== value) return undefined
  return { ...a, ...b }
}

/** What a recipe candidate needs and answers to. */
export function needsOf(candidate: Candidate & { readonly kind: 'recipe' }, target: Target) {
  return needsAt(candidate.entry.recipe, candidate.version, candidate.options, target)
}

/** A recipe candidate with its conditions decided. */
export function recipeOf(
  candidate: Candidate & { readonly kind: 'recipe' },
  target: Target,
): RecipeVersion {
  return recipeAt(candidate.entry.recipe, candidate.version, candidate.options, target)
}
