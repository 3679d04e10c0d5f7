/**
 * `/metrics` in the Prometheus text format.
 *
 * Invariant: the number of series is bounded: namespaces are at most 200, the other labels come
 * from short lists or from the configuration. Counters go on after a restart; histograms do not.
 * Source: Prometheus, "Exposition formats" (version 0.0.4) and "Metric and label naming".
 */
import { programVersion } from '#kernel/index.ts'
import type { PullThrough, TrafficLog, UpstreamState } from '#oci/index.ts'
import { latencyBounds, type Meter } from './meter.ts'
import type { SyncRunner } from './sync-runner.ts'

export interface Seen {
  readonly meter: Meter
  readonly traffic: TrafficLog | undefined
  readonly proxy: PullThrough | undefined
  readonly sync: SyncRunner | undefined
}

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly Sample[]
}

interface Sample {
  /** What comes after the metric's name: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

export function metricsText(seen: Seen): string {
  const metrics = [
    ...trafficMetrics(seen.traffic),
    ...upstreamMetrics(seen.proxy?.state() ?? []),
    ...requestMetrics(seen.meter),
    ...processMetrics(seen.meter),
  ]
  return metrics.map(metricText).join('')
}

function trafficMetrics(traffic: TrafficLog | undefined): readonly Metric[] {
  const totals = traffic?.totals() ?? []
  const labelled = (value: (one: (typeof totals)[number]) => number): readonly Sample[] =>
    totals.map((one) => {
      const { namespace, upstream, client, kind, outcome } = one
      return { labels: { namespace, upstream, client, kind, outcome }, value: value(one) }
    })
  const upstream = traffic?.upstreamTotals() ?? []
  const answered = (value: (one: (typeof upstream)[number]) => number): readonly Sample[] =>
    upstream.map((one) => {
      const labels = { upstream: one.upstream, method: one.method, code: one.status }
      return { labels, value: value(one) }
    })
  return [
    {
      name: 'backlot_requests_total',
      type: 'counter',
      help: 'Requests, by what they were for and where the answer came from.',
      samples: labelled(({ requests }) => requests),
    },
    {
      name: 'backlot_sent_bytes_total',
      type: 'counter',
      help: 'Bytes of bodies that were sent, as far as they were promised.',
      samples: labelled(({ sentBytes }) => sentBytes),
    },
    {
      name: 'backlot_received_bytes_total',
      type: 'counter',
      help: 'Bytes of bodies that were received.',
      samples: labelled(({ receivedBytes }) => receivedBytes),
    },
    {
      name: 'backlot_upstream_requests_total',
      type: 'counter',
      help: 'Requests to upstreams, by status; 0 where there was no answer.',
      samples: answered(({ requests }) => requests),
    },
    {
      name: 'backlot_upstream_received_bytes_total',
      type: 'counter',
      help: 'Bytes of blobs that came from upstreams.',
      samples: answered(({ receivedBytes }) => receivedBytes).filter(({ value }) => value > 0),
    },
  ]
}

function upstreamMetrics(states: readonly UpstreamState[]): readonly Metric[] {
  const bySource = (value: (one: UpstreamState['sources'][number]) => number | undefined) => {
    // Two ways may have one name, as an account that is given twice; Prometheus takes it once.
    const samples = new Map<string, Sample>()
    for (const { prefix, sources } of states)
      for (const source of sources) {
        const found = value(source)
        const { registry, account = '' } = source
        const key = `${prefix} ${registry} ${account}`
        if (found === undefined || samples.has(key)) continue
        samples.set(key, { labels: { upstream: prefix, registry, account }, value: found })
      }
    return [...samples.values()]
  }
  return [
    {
      name: 'backlot_upstream_pulls_limit',
      type: 'gauge',
      help: 'Pulls that an upstream allows in its window.',
      samples: bySource(({ limit }) => limit),
    },
    {
      name: 'backlot_upstream_pulls_remaining',
      type: 'gauge',
      help: 'Pulls that are left, as the upstream last said.',
      samples: bySource(({ remaining }) => remaining),
    },
    {
      name: 'backlot_upstream_blocked_until_timestamp_seconds',
      type: 'gauge',
      help: 'When an upstream that asked to be left alone may be asked again.',
      samples: bySource(({ blockedUntilMs }) => blockedUntilMs && blockedUntilMs / 1000),
    },
    {
      name: 'backlot_upstream_condition',
      type: 'gauge',
      help: '1 for what an upstream is: good, sparing, waiting or failing.',
      samples: states.flatMap(({ prefix, condition }) =>
        ['good', 'sparing', 'waiting', 'failing'].map((one) => ({
          labels: { upstream: prefix, condition: one },
          value: Number(one === condition),
        })),
      ),
    },
    {
      name: 'backlot_upstream_arriving_blobs',
      type: 'gauge',
      help: 'Blobs that are on their way.',
      samples: states.map(({ prefix, arriving }) => ({
        labels: { upstream: prefix },
        value: arriving,
      })),
    },
  ]
}

function requestMetrics(meter: Meter): readonly Metric[] {
  const durations = meter.latencies().flatMap(({ method, kind, counts, sumSeconds }): Sample[] => {
    let sum = 0
    const buckets = counts.map((count, at) => {
      sum += count
      const le = latencyBounds[at] ?? '+Inf'
      return { suffix: '_bucket', labels: { method, kind, le }, value: sum }
    })
    const labels = { method, kind }
    return [
      ...buckets,
      { suffix: '_sum', labels, value: sumSeconds },
      { suffix: '_count', labels, value: sum },
    ]
  })
  return [
    {
      name: 'backlot_request_duration_seconds',
      type: 'histogram',
      help: 'Time until an answer began.',
      samples: durations,
    },
    {
      name: 'backlot_responses_total',
      type: 'counter',
      help: 'Answers by status code, since this process began.',
      samples: [...meter.statuses()].map(([code, value]) => ({ labels: { code }, value })),
    },
  ]
}

function processMetrics({ startedMs }: Meter): readonly Metric[] {
  const { user, system } = process.cpuUsage()
  return [
    {
      name: 'backlot_build_info',
      type: 'gauge',
      help: '1, with the version.',
      samples: [{ labels: { version: programVersion }, value: 1 }],
    },
    {
      name: 'process_start_time_seconds',
      type: 'gauge',
      help: 'When the process began, since 1970.',
      samples: [{ labels: {}, value: startedMs / 1000 }],
    },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Resident memory.',
      samples: [{ labels: {}, value: process.memoryUsage.rss() }],
    },
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'CPU time, user and system.',
      samples: [{ labels: {}, value: (user + system) / 1e6 }],
    },
  ]
}

function metricText({ name, type, help, samples }: Metric): string {
  if (samples.length === 0) return ''
  const lines = samples.map(({ suffix = '', labels, value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(`${text}`)}"`)
    const braces = pairs.length === 0 ? '' : `{${pairs.join(',')}}`
    return `${name}${suffix}${braces} ${value}`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
