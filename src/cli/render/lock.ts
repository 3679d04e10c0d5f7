/** How results about backlot.yaml and backlot.lock look. */
import type { Change, EditResult, InitResult, LockAllResult, LockResult } from '#app/index.ts'
import { count } from '../human.ts'
import type { Page } from '../page.ts'
import { aligned } from '../table.ts'
import type { Paint } from '../paint.ts'

export function initText(result: InitResult, { paint }: Page): string {
  const platform = result.platform === undefined ? '' : ` for ${result.platform}`
  const packages = result.packages.length === 0 ? '' : `, with ${result.packages.join(', ')}`
  return [
    `Wrote ${paint.bold(result.path)}${platform}${packages}`,
    paint.dim(
      result.packages.length === 0
        ? 'Next: `backlot add PACKAGE`'
        : 'Next: `backlot build`, then `backlot shell`',
    ),
  ].join('\n')
}

export function addedText(result: EditResult, page: Page): string {
  const { path, requested, lock, isNewEnvironment } = result
  const { environment } = lock
  // It may be another one, misspelt.
  const made = isNewEnvironment && environment !== 'default'
  const where = `${page.paint.bold(path)}${made ? `, as the new environment ${environment}` : ''}`
  return `Added ${requested.join(', ')} to ${where}\n${lockText(lock, page)}`
}

export function removedText(result: EditResult, page: Page): string {
  const { path, requested, lock } = result
  const { paint } = page
  return `Removed ${requested.join(', ')} from ${paint.bold(path)}\n${lockText(lock, page)}`
}

export function lockText(result: LockResult, { paint }: Page): string {
  const packages = count(result.packages.length, 'package')
  const where = `${paint.bold(result.environment)} for ${result.target}`
  if (!result.changed) return `${where} is locked already: ${packages}`
  const missing = result.packages.filter((row) => row.kind === 'recipe').length
  return [
    `Locked ${where}: ${packages}`,
    changesText(result.changes, paint),
    missing === 0
      ? ''
      : paint.dim(
          `${count(missing, 'package is', 'packages are')} still to be built: \`backlot build\``,
        ),
  ]
    .filter(Boolean)
    .join('\n')
}

export function lockAllText({ environments }: LockAllResult, page: Page): string {
  return environments.map((one) => lockText(one, page)).join('\n')
}

/** One line for each change: `↑ imath 3.1.9 → 3.2.2, because …`. */
export function changesText(changes: readonly Change[], paint: Paint): string {
  return aligned(
    changes.map((change) => {
      const { before = '', after = '', what, name, because } = change
      const reason = because === undefined ? [] : [paint.dim(`because ${because}`)]
      switch (what) {
        case 'added':
          return [`  ${paint.green('+')} ${name}`, after, ...reason]
        case 'removed':
          return [`  ${paint.red('-')} ${name}`, before, ...reason]
        case 'rebuilt':
          return [`  ${paint.cyan('~')} ${name}`, after, ...(because ? reason : [another(paint)])]
        case 'upgraded':
          return [`  ${paint.green('↑')} ${name}`, `${before} → ${after}`, ...reason]
        case 'downgraded':
          return [`  ${paint.yellow('↓')} ${name}`, `${before} → ${after}`, ...reason]
      }
    }),
  )
}

function another(paint: Paint): string {
  return paint.dim('another build')
}
