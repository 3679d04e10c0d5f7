/** How fixes and hints look, below what they are about. */
import type { Unsolvable } from '#app/index.ts'
import type { Paint } from '../paint.ts'

/** Fixes first, which were solved again, then hints. */
export function adviceLines(
  { fixes, hints }: Pick<Unsolvable, 'fixes' | 'hints'>,
  paint: Paint,
): readonly string[] {
  return [
    ...fixes.map(({ text }) => `  ${paint.green('fix')}: ${text}`),
    ...hintLines(hints, paint),
  ]
}

export function hintLines(hints: readonly string[], paint: Paint): readonly string[] {
  return hints.map((hint) => `  ${paint.cyan('hint')}: ${hint.replaceAll('\n', '\n        ')}`)
}
