/** How results about installed and linked environments look. */
import type { InstallResult } from '#app/index.ts'
import { count, size } from '../human.ts'
import type { Page } from '../printer.ts'

export function installText(result: InstallResult, { paint }: Page): string {
  const { folder, files, sizeBytes, rewritten, fixed } = result
  return [
    `${paint.bold(folder)} holds ${count(files, 'file')}, ${size(sizeBytes)}`,
    rewritten.length === 0 ? '' : `Paths were rewritten in ${count(rewritten.length, 'file')}`,
    fixed.length === 0 ? '' : fixedText(fixed, paint.yellow('warning')),
  ]
    .filter(Boolean)
    .join('\n')
}

function fixedText(fixed: readonly string[], warning: string): string {
  const shown = fixed.slice(0, 8).map((path) => `  ${path}`)
  const more = fixed.length - shown.length
  return [
    `${warning}: ${count(fixed.length, 'file keeps', 'files keep')} a path into /usr/local:`,
    ...shown,
    ...(more === 0 ? [] : [`  … and ${more} more (\`--format json\` lists them)`]),
  ].join('\n')
}
