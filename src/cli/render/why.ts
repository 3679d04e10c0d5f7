/** How explanations look that were asked for. */
import type { WhyNotResult, WhyResult } from '#app/index.ts'
import type { Page } from '../page.ts'
import { adviceLines, sentenceLines } from './advice.ts'
import { changesText } from './lock.ts'

/** One line for each chain, from where it is asked for. */
export function whyText(start: string) {
  return ({ name, chains }: WhyResult, { paint }: Page): string => {
    if (chains.length === 0) return `Nothing needs ${name}`
    return chains
      .map((chain) =>
        [start, ...chain]
          .map((link, index) => (index === chain.length ? paint.bold(link) : link))
          .join(paint.dim(' → ')),
      )
      .join('\n')
  }
}

export function whyNotText(result: WhyNotResult, page: Page): string {
  const { paint, fit } = page
  const name = paint.bold(result.wanted)
  const where = whereText(result)
  if (result.kind === 'impossible')
    return [
      fit(`${name} cannot be had${where}`, 2),
      ...sentenceLines(result.sentences, page),
      ...adviceLines(result, page),
    ].join('\n')
  const gives = result.gives === undefined ? '' : `: it would be ${result.gives}`
  const changes = changesText(result.changes, paint)
  return [
    fit(`Nothing stands in the way of ${name}${where}${gives}`, 2),
    ...(changes === '' ? ['Nothing would change'] : ['This would change:', changes]),
  ].join('\n')
}

function whereText({ environment, target, request = [] }: WhyNotResult): string {
  if (environment !== undefined) return ` in ${environment} for ${target}`
  return request.length === 0 ? '' : ` with ${request.join(' ')}`
}
