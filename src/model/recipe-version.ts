/**
 * One version of a recipe: conditions decided, options filled in, and a digest of it all.
 *
 * Invariant: equal digests mean equal builds as far as backlot.yaml can say; adding a version to
 * a recipe changes the digest of no other.
 */
import { AppError, canonicalJson, digestOf } from '#kernel/index.ts'
import type {
  BuildStep,
  Conditional,
  ConditionalRequirement,
  ConditionalValue,
  Recipe,
  RecipeRequirement,
  RecipeVersion,
  ResolvedStep,
  Source,
  VersionEntry,
  When,
} from './recipe.ts'
import type { OptionValue } from './requirement.ts'
import { didYouMean } from './suggest.ts'
import type { Target } from './target.ts'
import type { Version } from './version.ts'
import { contains } from './version-set.ts'

type Options = Readonly<Record<string, OptionValue>>

/** What conditions are decided by. */
interface Circumstances {
  readonly version: Version
  readonly options: Options
  readonly target: Target
}

/**
 * The version with `when:` applied and options filled in. A recipe of kind `system` has any
 * version, without sources or steps.
 * @throws AppError `model/unknown-version`, `model/bad-option`
 */
export function recipeAt(
  recipe: Recipe,
  version: Version,
  options: Options,
  target: Target,
): RecipeVersion {
  const entry = entryOf(recipe, version)
  const at: Circumstances = { version, options: completeOptions(recipe, options), target }
  const { exports } = recipe
  const resolved = {
    name: recipe.name,
    version: entry?.version ?? version,
    summary: recipe.summary,
    ...(recipe.homepage !== undefined && { homepage: recipe.homepage }),
    license: recipe.license,
    target,
    options: at.options,
    sources: entry?.sources ?? [],
    patches: holding(entry?.patches ?? [], at),
    ...(entry?.epoch !== undefined && { epoch: entry.epoch }),
    ...needsAt(recipe, version, options, target),
    ...(entry?.deprecated !== undefined && { deprecated: entry.deprecated }),
    buildRequires: requirementsAt(recipe.buildRequires, at),
    steps: recipe.steps.filter(({ when }) => holds(when, at)).map((step) => stepAt(step, at)),
    environment: valuesAt(recipe.environment, at),
    exports: {
      cmake: holding(exports.cmake, at),
      pkgConfig: holding(exports.pkgConfig, at).map(({ name }) => name),
      programs: holding(exports.programs, at),
      python: holding(exports.python, at).map(({ name }) => name),
    },
    tests: holding(recipe.tests, at),
  }
  return { ...resolved, digest: digestOf(canonicalJson(identityOf(resolved))) }
}

/**
 * What a version needs and answers to, with `when:` applied: the part of `recipeAt` that choosing
 * versions asks for, many times.
 * @throws AppError `model/bad-option`
 */
export function needsAt(
  recipe: Recipe,
  version: Version,
  options: Options,
  target: Target,
): Pick<RecipeVersion, 'provides' | 'requires' | 'runRequires'> {
  const at: Circumstances = { version, options: completeOptions(recipe, options), target }
  return {
    provides: holding(recipe.provides, at).map((one) => ({ version, ...one })),
    requires: requirementsAt(recipe.requires, at),
    runRequires: requirementsAt(recipe.runRequires, at),
  }
}

/**
 * The value of every declared option.
 * @throws AppError `model/bad-option`
 */
export function completeOptions(recipe: Recipe, given: Options): Options {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(recipe.options, name)) throw undeclared(recipe, name)
  return Object.fromEntries(
    Object.entries(recipe.options).map(([name, { default: usual, values }]) => {
      const value = (Object.hasOwn(given, name) ? given[name] : undefined) ?? usual
      const allowed = values ?? ['true', 'false']
      if (allowed.includes(String(value))) return [name, values ? String(value) : value]
      throw new AppError(
        'model/bad-option',
        `Option '${name}' of ${recipe.name} is never '${String(value)}'`,
        { hints: [`Its values: ${allowed.join(', ')}.`] },
      )
    }),
  )
}

function entryOf(recipe: Recipe, version: Version): VersionEntry | undefined {
  const found = recipe.versions.find((entry) => entry.version.key === version.key)
  if (found || recipe.kind === 'system') return found
  const listed = recipe.versions.map((entry) => entry.version.text)
  throw new AppError(
    'model/unknown-version',
    `The recipe of ${recipe.name} has no version ${version.text}`,
    { hints: [`It has: ${listed.slice(0, 20).join(', ')}.`] },
  )
}

function undeclared(recipe: Recipe, name: string): AppError {
  const known = Object.keys(recipe.options)
  const near = didYouMean(name, known)
  const list = known.length > 0 ? `Its options: ${known.join(', ')}.` : 'It has no options.'
  return new AppError('model/bad-option', `${recipe.name} has no option '${name}'`, {
    hints: near === undefined ? [list] : [`Did you mean '${near}'?`, list],
  })
}

function holds(when: When | undefined, at: Circumstances): boolean {
  if (!when) return true
  if (when.version && !contains(when.version, at.version)) return false
  const { target } = at
  const system = target.slice(0, target.indexOf('-'))
  if (when.targets && !when.targets.some((word) => word === target || word === system)) return false
  return Object.entries(when.options ?? {}).every(
    ([name, value]) => String(at.options[name]) === String(value),
  )
}

/** The entries whose conditions hold, without the conditions. */
function holding<T extends { readonly when?: When }>(
  entries: readonly T[],
  at: Circumstances,
): Omit<T, 'when'>[] {
  return entries.filter(({ when }) => holds(when, at)).map((entry) => withoutWhen(entry))
}

function withoutWhen<T extends { readonly when?: When }>(entry: T): Omit<T, 'when'> {
  const { when: _, ...rest } = entry
  return rest
}

function requirementsAt(
  entries: readonly ConditionalRequirement[],
  at: Circumstances,
): readonly RecipeRequirement[] {
  return holding(entries, at)
}

function stepAt(step: Conditional<BuildStep>, at: Circumstances): ResolvedStep {
  const { when: _, ...bare } = step
  return bare.kind === 'cmake' ? { ...bare, definitions: valuesAt(bare.definitions, at) } : bare
}

/** The first value of each name whose condition holds; a name may end up without any. */
function valuesAt(
  record: Readonly<Record<string, readonly ConditionalValue[]>>,
  at: Circumstances,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, values]) => {
      const chosen = values.find(({ when }) => holds(when, at))
      return chosen ? [[name, chosen.value]] : []
    }),
  )
}

/** What the digest covers. */
function identityOf(resolved: Omit<RecipeVersion, 'digest'>): unknown {
  const { summary: _, homepage: __, deprecated: ___, ...counted } = resolved
  const { version, sources, provides, requires, runRequires, buildRequires, ...rest } = counted
  const textOf = ({ requirement }: RecipeRequirement) => requirement.text
  return {
    ...rest,
    version: version.text,
    sources: sources.map(sourceIdentity),
    requires: requires.map(textOf),
    buildRequires: buildRequires.map(textOf),
    ...(runRequires.length > 0 && { runRequires: runRequires.map(textOf) }),
    ...(provides.length > 0 && {
      provides: provides.map((one) => `${one.name} ${one.version.text}`),
    }),
  }
}

/** A source without where it comes from, when a hash says what it is. */
function sourceIdentity(source: Source): unknown {
  const { strip, into } = source
  switch (source.kind) {
    case 'url':
    case 'pypi':
      return { sha256: source.sha256, strip, into }
    case 'git':
      return { commit: source.commit, submodules: source.submodules, into }
    case 'path':
      return { path: source.path, into }
  }
}
