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
  return [
    ...fixes.map(({ text }) => fixLine(text, page)),
    ...hintLines(hints, page),
    ...(fixes.length + hints.length === 0 ? ['  No change was found that helps.'] : []),
  ]
}

/** Hints; those of an error that carries fixes begin with what they are. */
export function hintLines(hints: readonly string[], page: Page): readonly string[] {
  return hints.flatMap((hint) => {
    const [first = '', ...rest] = hint.split('\n').map(printable)
    if (first.startsWith(fixMark)) return fixLine(first.slice(fixMark.length), page)
    const line = page.fit(`  ${page.paint.cyan('hint')}: ${first}`, 8)
    return [line, ...rest.map((text) => `        ${text}`)]
  })
}

const fixMark = 'fix: '

function fixLine(text: string, { paint, fit }: Page): string {
  return fit(`  ${paint.green('fix')}: ${printable(text)}`, 7)
}
