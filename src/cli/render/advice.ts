/** How explanations look: sentences, then fixes and hints, each fit to the width of a terminal. */
import type { Unsolvable } from '#app/index.ts'
import { printable } from '../human.ts'
import type { Page } from '../page.ts'

/** Sentences; a later line of one stands two columns behind its beginning. */
export function sentenceLines(sentences: readonly string[], { fit }: Page): readonly string[] {
  return sentences.map((sentence) => {
    const start = /^(?:\d+: | *)/.exec(sentence)?.[0].length ?? 0
    return fit(`  ${printable(sentence)}`, start + 4)
  })
}

/** Fixes first, which were solved again, then hints. */
export function adviceLines(
  { fixes, hints }: Pick<Unsolvable, 'fixes' | 'hints'>,
  page: Page,
): readonly string[] {
  const { paint, fit } = page
  return [
    ...fixes.map(({ text }) => fit(`  ${paint.green('fix')}: ${printable(text)}`, 7)),
    ...hintLines(hints, page),
    ...(fixes.length + hints.length === 0 ? ['  No change was found that helps.'] : []),
  ]
}

export function hintLines(hints: readonly string[], { paint, fit }: Page): readonly string[] {
  return hints.flatMap((hint) => {
    const [first = '', ...rest] = hint.split('\n').map(printable)
    return [fit(`  ${paint.cyan('hint')}: ${first}`, 8), ...rest.map((line) => `        ${line}`)]
  })
}
