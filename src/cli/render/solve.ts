/** How answers about Rez repositories look. */
import type { RezImport, RezProblem, RezSolveResult } from '#app/index.ts'
import { printable } from '../human.ts'
import type { Page } from '../page.ts'
import { aligned } from '../table.ts'

const problemsShown = 10

/** The packages in the order in which they are entered; a failure has no text of its own. */
export function rezSolveText(result: RezSolveResult, { paint }: Page): string {
  if (result.kind === 'failed') return ''
  if (result.packages.length + result.ephemerals.length === 0)
    return ['No packages are needed', ...problemLines(result.problems)].join('\n')
  const rows = result.packages.map(({ name, version, variant, repository }) => [
    `${name}${version === '' ? '' : `-${version}`}`,
    variant === null ? '' : `[${variant}]`,
    paint.dim(repository),
  ])
  const ephemerals = result.ephemerals.map((range) => [range, '', ''])
  return [aligned([...rows, ...ephemerals]), ...problemLines(result.problems)].join('\n')
}

export function rezImportText(result: RezImport): string {
  const { path, families, packages, variants, durationMs, problems } = result
  const counts = `${families} families, ${packages} packages, ${variants} variants`
  return [
    `Read ${path}: ${counts} in ${(durationMs / 1000).toFixed(1)} s`,
    ...problemLines(problems),
  ].join('\n')
}

function problemLines(problems: readonly RezProblem[]): string[] {
  if (problems.length === 0) return []
  const more = problems.length - problemsShown
  return [
    `${problems.length} not read:`,
    ...problems
      .slice(0, problemsShown)
      .map(({ path, reason }) => `  ${printable(`${path}: ${reason}`)}`),
    ...(more > 0 ? [`  and ${more} more (all with --format json)`] : []),
  ]
}
