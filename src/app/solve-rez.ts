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
  defaultConfig,
  importRezRepository,
  isStillFresh,
  openRezRepository,
  type Repository,
  type RezOutcome,
  solveRez,
} from '#interop/index.ts'
import { AppError } from '#kernel/index.ts'
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
  return (await solvedInRez(context, options)).result
}

export interface SolvedInRez {
  readonly result: RezSolveResult
  readonly definitions: RezOutcome['definitions']
}

/** The same, with the definitions of what was chosen. */
export async function solvedInRez(
  context: Surroundings,
  options: RezSolveOptions,
): Promise<SolvedInRez> {
  const catalogs = catalogOptions(context)
  const paths = repositoryPaths(context, options.repositories)
  const request = [...options.request, ...(options.implicit ?? [])]
  const repositories: Repository[] = []
  for (const path of paths)
    repositories.push(
      options.refresh
        ? (await importRezRepository(path, catalogs)).repository
        : await openRezRepository(path, catalogs),
    )
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attempted(() =>
      solveRez({ request, repositories, before: options.before, signal: context.signal }),
    )
    const stale = repositories.filter((one) => outcome === 'damaged' || !isStillFresh(one, outcome))
    if (outcome !== 'damaged' && (stale.length === 0 || attempt === attemptsMax))
      return {
        result: resultOf(outcome, { request, repositories }),
        definitions: outcome.definitions,
      }
    for (const [index, one] of repositories.entries())
      if (stale.includes(one)) {
        const afresh = outcome === 'damaged'
        const made = await importRezRepository(one.path, { ...catalogs, afresh })
        repositories[index] = made.repository
      }
  }
}

/** The repositories that are meant: as given, else where Rez would look. */
export function repositoryPaths(
  { cwd, env }: Surroundings,
  given: readonly string[] = [],
): readonly string[] {
  if (given.length > 0) return given.map((path) => resolve(cwd, path))
  const own = (env['REZ_PACKAGES_PATH'] ?? '').split(/[:, ]/).filter((path) => path !== '')
  const wished = own.length > 0 ? own : defaultConfig.packagesPath
  const home = env['HOME'] ?? ''
  const paths = wished.map((path) =>
    resolve(
      cwd,
      path.replace(/^~(?=\/|$)/, () => home),
    ),
  )
  const present = paths.filter((path) => existsSync(path))
  if (present.length > 0) return present
  throw new AppError('interop/no-repository', 'No Rez repository was given, and none is there', {
    hints: [`Looked at ${paths.join(', ')}.`, 'Give one: `--rez PATH`.'],
  })
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

async function attempted(solve: () => Promise<RezOutcome>): Promise<RezOutcome | 'damaged'> {
  try {
    return await solve()
  } catch (error) {
    if (error instanceof AppError && error.code === 'interop/bad-catalog') return 'damaged'
    throw error
  }
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
      throw new AppError('kernel/cancelled', 'Solving was cancelled')
    case 'solved':
      return { ...common, ...solution }
    case 'failed':
      return { ...common, ...solution }
  }
}
