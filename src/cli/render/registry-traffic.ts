/** How the statistics of a registry look, and what copying by lists did or would do. */
import type { RegistryStats, RegistrySyncResult } from '#app/index.ts'
import { count, printable, size } from '../human.ts'
import type { Page } from '../page.ts'
import { table } from '../table.ts'
import { hintLines } from './advice.ts'

const rowsMax = 15
const digestCharacters = 19

export function statsText(stats: RegistryStats, page: Page): string {
  const { total, fromDay } = stats
  const sections = [
    `Since ${fromDay}: ${count(total.requests, 'request')}, ${size(total.sentBytes)} sent, ${size(total.receivedBytes)} received`,
    sums('NAMESPACE', stats.namespaces, page),
    sums('REPOSITORY', stats.repositories, page),
    sums('CLIENT', stats.clients, page),
    upstreams(stats, page),
  ]
  return sections.filter((text) => text !== '').join('\n\n')
}

interface Row {
  readonly requests: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly [name: string]: string | number
}

function sums(title: string, rows: readonly Row[], { paint }: Page): string {
  const named = rows.filter((row) => row[title.toLowerCase()] !== '').slice(0, rowsMax)
  if (named.length === 0) return ''
  const columns = [
    { title },
    { title: 'REQUESTS', align: 'right' as const },
    { title: 'SENT', align: 'right' as const },
    { title: 'RECEIVED', align: 'right' as const },
  ]
  const cells = named.map((row) => [
    printable(String(row[title.toLowerCase()])),
    `${row.requests}`,
    size(row.sentBytes),
    size(row.receivedBytes),
  ])
  return table(columns, cells, paint.dim)
}

function upstreams(stats: RegistryStats, page: Page): string {
  if (stats.upstreams.length === 0) return ''
  const titles = ['UPSTREAM', 'IS', 'AS', 'PULLS LEFT', 'HITS', 'MISSES', 'STALE']
  const rows = stats.upstreams.flatMap(({ prefix, condition, sources }) => {
    const of = (...outcomes: readonly string[]) =>
      stats.outcomes
        .filter((row) => row.upstream === prefix && outcomes.includes(row.outcome))
        .reduce((sum, { requests }) => sum + requests, 0)
    const hits = [of('hit', 'revalidated'), of('miss', 'joined'), of('stale')].map(String)
    return sources.map((source, at) => [
      at === 0 ? prefix : '',
      at === 0 ? condition : '',
      source.account ?? (source.mirror ? source.registry : 'nobody'),
      source.remaining === undefined ? 'no limit told' : `${source.remaining} of ${source.limit}`,
      ...(at === 0 ? hits : ['', '', '']),
    ])
  })
  const shown = rows.map((row) => row.map(printable))
  const failures = stats.upstreams.flatMap(({ prefix, condition, sources }) =>
    sources.flatMap(({ lastFailure }) =>
      condition === 'good' || lastFailure === undefined
        ? []
        : [page.fit(`${printable(prefix)}: ${printable(lastFailure)}`, 2)],
    ),
  )
  const columns = titles.map((title) => ({ title }))
  return [table(columns, shown, page.paint.dim), ...failures].join('\n')
}

export function syncText(result: RegistrySyncResult, page: Page): string {
  const { paint } = page
  const hints = result.lists.flatMap(({ failures }) => failures.flatMap((one) => one.hints))
  const lists = result.lists.map((list) => {
    const { steps, same, failures } = list
    const lines = steps.map(({ action, from, to, tag, digest, was }) => {
      const names = [was, digest].map((one) => one?.slice(0, digestCharacters)).filter(Boolean)
      const what = `${action.padEnd(9)} ${to}:${tag}`
      const source = action === 'delete' ? '' : `  from ${from}`
      return `  ${what}${paint.dim(`${source}  ${names.join(' → ')}`)}`
    })
    const wrong = failures.map(
      ({ what, message }) =>
        `  ${paint.red('failed')}    ${printable(what)}: ${printable(message)}`,
    )
    const unchanged = `${count(same, 'tag')} unchanged`
    const sum =
      'done' in list
        ? `${list.done} of ${count(steps.length, 'change')} made, ${size(list.bytesCopied)} copied, ${unchanged}`
        : `${count(steps.length, 'change')} to make, ${unchanged}`
    return [`${paint.bold(list.list)}: ${sum}`, ...lines, ...wrong].join('\n')
  })
  // Tags fail alike, so each hint is worth one line.
  return [...lists, ...hintLines([...new Set(hints)], page)].join('\n')
}
