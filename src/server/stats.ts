/**
 * What happens here, over HTTP: `/metrics`, and JSON under `/api/v1/`.
 *
 * Invariant: where access is restricted, it is shown to who may pull everything, or `_metrics`, a
 * name that no repository has; strangers never see it.
 * Reference: docs/http-api.md.
 */
import { AppError, programVersion } from '#kernel/index.ts'
import { may, type Principal, type TrafficField, trafficFields } from '#oci/index.ts'
import { refused } from './access.ts'
import { json, sized } from './context.ts'
import { metricsText, type Seen } from './metrics.ts'

/** What a grant has to match for its holder to see statistics. */
const metricsName = '_metrics'
const dayMs = 86_400_000
const daysDefault = 30
const rowsDefault = 100
const rowsMax = 10_000

export function isStatsPath(path: string): boolean {
  return path === '/metrics' || path.startsWith('/api/v1/')
}

export interface StatsQuestion {
  readonly path: string
  readonly query: URLSearchParams
  readonly principal: Principal
  readonly nowMs: number
}

/** @throws AppError `oci/unauthorized`, `oci/denied`, `oci/rejected` */
export async function statsRoute(seen: Seen, question: StatsQuestion): Promise<Response> {
  const { path, principal } = question
  // Not by what everybody may: that everything can be pulled shows nobody who pulls.
  const own = { ...principal, everybodys: [] }
  if (principal.kind === 'anonymous' || !may(own, 'pull', metricsName))
    throw refused(principal, 'pull')
  switch (path) {
    case '/metrics': {
      const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
      return sized(metricsText(seen), headers)
    }
    case '/api/v1/stats':
      return json(await stats(seen, question))
    case '/api/v1/traffic':
      return json(await traffic(seen, question))
    case '/api/v1/sync':
      return json({ lists: (await seen.sync?.state()) ?? [] })
    case '/api/v1/upstreams':
      return json({ upstreams: seen.proxy?.state() ?? [] })
    default:
      return Response.json(
        { errors: [{ code: 'UNKNOWN', message: `There is nothing at ${path.slice(0, 200)}` }] },
        { status: 404 },
      )
  }
}

async function stats(seen: Seen, question: StatsQuestion) {
  const fromDay = firstDay(question)
  const by = async (...names: readonly TrafficField[]) =>
    (await seen.traffic?.sums({ by: names, fromDay, limit: rowsDefault })) ?? []
  const [[total], namespaces, repositories, clients, outcomes] = await Promise.all([
    by(),
    by('namespace'),
    by('repository'),
    by('client'),
    by('upstream', 'outcome'),
  ])
  return {
    version: programVersion,
    startedMs: seen.meter.startedMs,
    fromDay: dayText(fromDay),
    total: total ?? { requests: 0, sentBytes: 0, receivedBytes: 0 },
    namespaces,
    repositories,
    clients,
    outcomes,
    upstreams: seen.proxy?.state() ?? [],
  }
}

async function traffic(seen: Seen, question: StatsQuestion) {
  const names = (question.query.get('by') ?? 'namespace').split(',').filter((name) => name !== '')
  const by = names.map((name) => {
    const field = trafficFields.find((one) => one === name)
    if (field !== undefined) return field
    throw new AppError(
      'oci/rejected',
      `by is '${name.slice(0, 40)}', which traffic is not kept by`,
      {
        hints: [`Use one or more of: ${trafficFields.join(', ')}, joined by commas.`],
      },
    )
  })
  const fromDay = firstDay(question)
  const limit = Math.min(numberIn(question.query, 'limit', rowsDefault), rowsMax)
  const rows = (await seen.traffic?.sums({ by, fromDay, limit })) ?? []
  const dated = rows.map((row) =>
    typeof row['day'] === 'number' ? { ...row, day: dayText(row['day']) } : row,
  )
  return { by, fromDay: dayText(fromDay), rows: dated }
}

function firstDay({ query, nowMs }: StatsQuestion): number {
  const days = Math.max(1, numberIn(query, 'days', daysDefault))
  return Math.max(0, Math.floor(nowMs / dayMs) - days + 1)
}

function dayText(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}

function numberIn(query: URLSearchParams, name: string, usual: number): number {
  const text = query.get(name)
  if (text === null) return usual
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new AppError('oci/rejected', `${name} is '${text.slice(0, 40)}', not a number`)
}
