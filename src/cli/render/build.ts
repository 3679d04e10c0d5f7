/** How results about builds and publishing look. */
import type { BuildResult, BuiltRow, PublishResult } from '#app/index.ts'
import { count, duration, short, size } from '../human.ts'
import type { Page } from '../page.ts'
import { aligned } from '../table.ts'
import type { Paint } from '../paint.ts'

export function buildText(result: BuildResult, { paint }: Page): string {
  const rows = result.packages.map((row) => [
    `  ${outcome(row, paint)}`,
    row.name,
    row.version,
    row.build === undefined ? '' : paint.dim(short(row.build)),
    row.sizeBytes === undefined ? '' : size(row.sizeBytes),
    row.outcome === 'built' || row.outcome === 'fetched' ? duration(row.durationMs) : '',
  ])
  // What was built now has told its warnings on the way.
  const quiet = result.packages.filter((row) => row.outcome !== 'built')
  const warnings = quiet.flatMap((row) =>
    row.warnings.map((text) => `${paint.yellow('warning')}: ${row.name} ${row.version}: ${text}`),
  )
  return [aligned(rows), ...warnings, summary(result, paint)].filter(Boolean).join('\n')
}

function nothingPushed({ registry, packages }: PublishResult): string {
  if (packages.length === 0) return 'The environment holds no builds to publish'
  if (packages.length === 1) return `${registry} has the build already`
  return `${registry} has all ${packages.length} builds already`
}

export function publishText(result: PublishResult, { paint }: Page): string {
  const rows = result.packages.map((row) => [
    `  ${row.outcome === 'pushed' ? paint.green('pushed') : paint.dim('existed')}`,
    row.reference,
    paint.dim(short(row.build)),
  ])
  const pushed = result.packages.filter((row) => row.outcome === 'pushed').length
  const sent = `${size(result.sentBytes)} in ${duration(result.durationMs)}`
  return [
    aligned(rows),
    pushed === 0
      ? nothingPushed(result)
      : `Pushed ${count(pushed, 'build')} to ${result.registry}: ${sent}`,
  ]
    .filter(Boolean)
    .join('\n')
}

export function catalogText({ builds }: { readonly builds: number }): string {
  return `Wrote the catalog anew: ${count(builds, 'build')}`
}

function outcome(row: BuiltRow, paint: Paint): string {
  return row.outcome === 'built' ? paint.green('built') : paint.dim(row.outcome)
}

function summary(result: BuildResult, paint: Paint): string {
  const of = (outcomes: readonly BuiltRow['outcome'][]): number =>
    result.packages.filter((row) => outcomes.includes(row.outcome)).length
  const took = duration(result.durationMs)
  if (result.built === 0 && of(['fetched']) === 0)
    return `Nothing to build: ${count(of(['reused', 'system']), 'package')} ready in ${took}`
  const parts = [
    [result.built, 'built'],
    [of(['fetched']), 'fetched'],
    [of(['reused']), 'reused'],
    [of(['system']), 'from the system'],
  ] as const
  const said = parts.flatMap(([amount, what]) => (amount === 0 ? [] : [`${amount} ${what}`]))
  return `${paint.bold(said.join(', '))} in ${took}`
}
