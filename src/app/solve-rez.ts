/**
 * Solving in Rez repositories: catalogs opened, the request solved, freshness checked.
 *
 * Invariant: an answer was found in catalogs that agree with the repositories in all that
 * docs/rez.md, «How fresh», promises; where one did not, it was made anew and the request solved
 * again.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  homeOf,
  importRezRepository,
  isStillFresh,
  openRezRepository,
  packageFilter,
  type Problem,
  readRezConfig,
  type Repository,
  type RezConfig,
  type RezOutcome,
  type RezRequest,
  type RezSystem,
  rezSystem,
  solveRez,
  withRules,
} from '#interop/index.ts'
import { AppError, cancelled } from '#kernel/index.ts'
import type { AppContext } from './context.ts'
import type { RezImport, RezSolveOptions, RezSolveResult } from './results.ts'

export type Surroundings = Pick<AppContext, 'home' | 'cwd' | 'env' | 'signal' | 'clock'>

const attemptsMax = 3

/**
 * Solves requirements in Rez's syntax.
 * @throws AppError `interop/no-repository`, `model/bad-requirement`, `kernel/cancelled`
 */
export async function solveInRez(
  context: Surroundings,
  options: RezSolveOptions,
): Promise<RezSolveResult> {
  return (await solvedInRez(context, options, await rezSettings(context, options))).result
}

export interface SolvedInRez {
  readonly result: RezSolveResult
  readonly definitions: RezOutcome['definitions']
}

/** What a request is solved under. */
export interface RezSettings {
  readonly config: RezConfig
  /** Repositories as they were given. */
  readonly paths: readonly string[]
  readonly implicits: readonly string[]
  readonly system: () => Promise<RezSystem>
}

/** @throws AppError `interop/bad-config`, `interop/no-repository` */
export async function rezSettings(
  context: Surroundings,
  options: RezSolveOptions,
  implicitDefault: readonly string[] = [],
): Promise<RezSettings> {
  const { cwd, env, home, signal } = context
  const named = (env['REZ_CONFIG_FILE'] ?? '').split(':').filter((path) => path !== '')
  const files = options.config?.map((path) => resolve(cwd, path)) ?? named
  const config = await readRezConfig({ files, env, signal })
  let found: RezSystem | undefined
  const system = async (): Promise<RezSystem> =>
    (found ??= await rezSystem({ env, home, platformMap: config.platformMap }))
  const implicits: string[] = []
  for (const text of options.implicit ?? config.implicitPackages ?? implicitDefault)
    implicits.push(text.includes('{system.') ? withSystem(text, await system()) : text)
  const paths = repositoryPaths(context, options.repositories, config)
  return { config, paths, implicits, system }
}

/** A text of the settings with this machine's names in it. */
function withSystem(text: string, system: RezSystem): string {
  const named: Readonly<Record<string, unknown>> = { ...system }
  return text.replaceAll(/\{system\.(\w+)\}/g, (all, name: string) => {
    const value = named[name]
    return typeof value === 'string' ? value : all
  })
}

/** The repositories that are meant: as given, else where Rez would look. */
function repositoryPaths(
  { cwd, env }: Surroundings,
  given: readonly string[] = [],
  config: RezConfig,
): readonly string[] {
  if (given.length > 0) return given.map((path) => resolve(cwd, path))
  const own = (env['REZ_PACKAGES_PATH'] ?? '').split(/[:, ]/).filter((path) => path !== '')
  const wished = own.length > 0 ? own : config.packagesPath
  const paths = wished.map((path) =>
    resolve(
      cwd,
      path.replace(/^~(?=\/|$)/, () => homeOf(env)),
    ),
  )
  const present = paths.filter((path) => existsSync(path))
  if (present.length > 0) return present
  throw new AppError('interop/no-repository', 'No Rez repository was given, and none is there', {
    hints: [`Looked at ${paths.join(', ')}.`, 'Give one: `--rez PATH`.'],
  })
}

/** The same, with the definitions of what was chosen. */
export async function solvedInRez(
  context: Surroundings,
  options: RezSolveOptions,
  { config, paths, implicits }: RezSettings,
): Promise<SolvedInRez> {
  const catalogs = catalogOptions(context)
  const request = [...options.request, ...implicits]
  const { exclude: excludes = [], include: includes = [], before, wanted } = options
  const asked: Omit<RezRequest, 'repositories'> = {
    request,
    wanted,
    before,
    signal: context.signal,
    filter: packageFilter(withRules(config.packageFilter, { excludes, includes })),
    orderers: config.packageOrderers,
    variantSelectMode: config.variantSelectMode,
    missingFamilies: config.errorOnMissingVariantRequires ? 'fail' : 'skip',
  }
  const repositories: Repository[] = []
  for (const path of paths)
    repositories.push(
      options.refresh
        ? (await importRezRepository(path, catalogs)).repository
        : await openRezRepository(path, catalogs),
    )
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await solveRez({ ...asked, repositories })
    const stale = repositories.filter((one) => !isStillFresh(one, outcome))
    if (stale.length === 0 || attempt === attemptsMax)
      return {
        result: resultOf(outcome, { request, repositories }),
        definitions: outcome.definitions,
      }
    for (const [index, one] of repositories.entries())
      if (stale.includes(one))
        repositories[index] = (await importRezRepository(one.path, catalogs)).repository
  }
}

/** Reads a repository and keeps its catalog. @throws AppError `interop/no-repository` */
export async function importRez(
  context: Surroundings,
  { path, afresh }: { readonly path: string; readonly afresh: boolean },
): Promise<RezImport> {
  const startedMs = context.clock.nowMs()
  const from = resolve(context.cwd, path)
  const { report } = await importRezRepository(from, { ...catalogOptions(context), afresh })
  return { ...report, durationMs: context.clock.nowMs() - startedMs }
}

function catalogOptions({ home, env, signal }: Surroundings) {
  return { home, path: env['PATH'] ?? '', signal }
}

interface Asked {
  readonly request: readonly string[]
  readonly repositories: readonly Repository[]
}

function resultOf({ solution, reached }: RezOutcome, asked: Asked): RezSolveResult {
  const { request, repositories } = asked
  const problems = repositories.flatMap(({ catalog }) =>
    reached.flatMap((name) => catalog.family(name)?.problems() ?? []),
  )
  const common = { request, repositories: repositories.map(({ path }) => path), problems }
  switch (solution.kind) {
    case 'cancelled':
      throw cancelled('Solving')
    case 'solved':
      return { ...common, ...solution }
    case 'failed':
      return { ...common, ...solution, hints: [...solution.hints, ...unread(problems)] }
  }
}

const problemsNamed = 3

/** Hints about packages that might have been the answer, if they could be read. */
function unread(problems: readonly Problem[]): readonly string[] {
  const more = problems.length - problemsNamed
  return [
    ...problems
      .slice(0, problemsNamed)
      .map(({ path, reason }) => `${path} could not be read: ${reason}`),
    ...(more > 0 ? [`${more} more could not be read: --format json has all.`] : []),
  ]
}
