/** What a running registry says of itself, over its HTTP API. */
import { z } from 'zod'
import { AppError, messageOf, throwIfCancelled } from '#kernel/index.ts'
import { tlsHints } from '#oci/index.ts'
import { isPlain, type World } from './world.ts'

const answerBytesMax = 16 * 1024 * 1024
const timeoutMs = 30_000

const Sum = z.object({ requests: z.number(), sentBytes: z.number(), receivedBytes: z.number() })
const Source = z.object({
  registry: z.string(),
  account: z.string().optional(),
  mirror: z.boolean(),
  limit: z.number().optional(),
  remaining: z.number().optional(),
  windowSeconds: z.number().optional(),
  countedBy: z.string().optional(),
  blockedUntilMs: z.number().optional(),
  lastFailure: z.string().optional(),
})

/** The answer of `/api/v1/stats`; docs/http-api.md describes it. */
export const RegistryStats = z.object({
  version: z.string(),
  startedMs: z.number(),
  fromDay: z.string(),
  total: Sum,
  namespaces: z.array(Sum.extend({ namespace: z.string() })),
  repositories: z.array(Sum.extend({ repository: z.string() })),
  clients: z.array(Sum.extend({ client: z.string() })),
  outcomes: z.array(Sum.extend({ upstream: z.string(), outcome: z.string() })),
  upstreams: z.array(
    z.object({
      prefix: z.string(),
      registry: z.string(),
      condition: z.enum(['good', 'sparing', 'waiting', 'failing']),
      arriving: z.number(),
      sources: z.array(Source),
    }),
  ),
})
export type RegistryStats = z.infer<typeof RegistryStats>

interface StatsRequest {
  /** HOST:PORT, which has TLS unless it is a host that is known not to; or a URL. */
  readonly server: string
  readonly days: number
}

/** @throws AppError `oci/unreachable`, `oci/unauthorized`, `oci/denied`, `oci/bad-answer` */
export async function registryStats(
  { context, credentials }: World,
  request: StatsRequest,
): Promise<RegistryStats> {
  const { server, days } = request
  const scheme = isPlain(context, server) ? 'http' : 'https'
  const hasScheme = /^https?:\/\//.test(server)
  const url = new URL(`/api/v1/stats?days=${days}`, hasScheme ? server : `${scheme}://${server}`)
  const credential = await credentials(url.host)
  const pair =
    credential?.kind === 'password' ? `${credential.username}:${credential.password}` : undefined
  const response = await answerOf(url, pair, context)
  if (response.status === 401 || response.status === 403)
    throw new AppError(
      response.status === 401 ? 'oci/unauthorized' : 'oci/denied',
      `${url.host} does not show its statistics to ${pair === undefined ? 'strangers' : 'this account'}`,
      {
        hints: [
          `Log in with \`docker login ${url.host}\` as somebody who may pull \`_metrics\` or everything.`,
        ],
      },
    )
  const text = await response.text()
  const parsed = RegistryStats.safeParse(text.length > answerBytesMax ? undefined : jsonOf(text))
  if (response.ok && parsed.success) return parsed.data
  throw new AppError('oci/bad-answer', `${url.host} answered ${response.status}, not statistics`, {
    hints: ['Check that the address is that of a `backlot serve`, of this version or a newer one.'],
  })
}

async function answerOf(
  url: URL,
  pair: string | undefined,
  { signal, programVersion }: World['context'],
) {
  try {
    return await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      headers: {
        'user-agent': `backlot/${programVersion}`,
        ...(pair === undefined
          ? {}
          : { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }),
      },
    })
  } catch (error) {
    throwIfCancelled(signal, 'The question')
    const why = messageOf(error)
    const plain = `If it speaks HTTP without TLS, as \`backlot serve\` does: http://${url.host}`
    throw new AppError('oci/unreachable', `${url.host} could not be reached: ${why}`, {
      hints: [
        'Check the address; `backlot serve` prints it when it starts.',
        ...(url.protocol === 'https:'
          ? tlsHints(why, plain)
          : [`If it has TLS: https://${url.host}`]),
      ],
      retryable: true,
      cause: error,
    })
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
