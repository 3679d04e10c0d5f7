/** How results about installed and linked environments look. */
import type { InstallResult } from '#app/index.ts'
import { count } from '../human.ts'
import type { Page } from '../page.ts'

export function installText(result: InstallResult, { paint }: Page): string {
  const { folder, added, removed, kept, unmovable } = result
  const changes = [`${count(added, 'path')} put there`]
  if (removed > 0) changes.push(`${count(removed, 'path')} taken away`)
  if (kept > 0) changes.push(`${count(kept, 'path')} left as they were`)
  const head = `${paint.bold(folder)}: ${changes.join(', ')}`
  return unmovable.length === 0 ? head : `${head}\n${fixedText(unmovable, paint.yellow('warning'))}`
}

function fixedText(unmovable: InstallResult['unmovable'], warning: string): string {
  const shown = unmovable.slice(0, 8).map(({ path, found }) => `  ${path}: ${found.join(', ')}`)
  const more = unmovable.length - shown.length
  return [
    `${warning}: ${count(unmovable.length, 'file holds', 'files hold')} paths that do not work here:`,
    ...shown,
    ...(more === 0 ? [] : [`  … and ${more} more (\`--format json\` lists them)`]),
  ].join('\n')
}
