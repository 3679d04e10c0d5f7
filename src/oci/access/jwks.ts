/**
 * Public keys of who signs tokens: a JWKS (RFC 7517) in a file or behind a URL.
 *
 * Invariant: only the place that the configuration names is read, never one that a token names
 * (`jku`, `x5u`). It is asked anew for a key that is not known, but not more often than every half
 * minute, and once for all who wait; while it does not answer, the keys that are known stay good.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { AppError, type Clock, messageOf, readAll, readIfPresent } from '#kernel/index.ts'

const jwksBytesMax = 256 * 1024
const keysMax = 100
const askAgainMs = 30_000
const freshMs = 3_600_000
const answerMsMax = 5000
const rsaBitsMin = 2048

export type SignatureAlgorithm = 'RS256' | 'ES256'

export interface Jwks {
  /**
   * The key of that name, if it is one for this algorithm.
   * @throws AppError `oci/issuer-gone` when it is not known and the keys could not be read
   */
  key(kid: string, algorithm: SignatureAlgorithm): Promise<KeyObject | undefined>
}

export interface JwksOptions {
  /** An https URL (http on this machine only), or the path of a file. */
  readonly place: string
  readonly clock: Clock
  /** Hears why keys cannot be had. */
  readonly warn: (text: string) => void
}

const common = { kid: z.string(), use: z.literal('sig').optional() }
const RsaKey = z.object({
  ...common,
  kty: z.literal('RSA'),
  alg: z.literal('RS256').optional(),
  n: z.string(),
  e: z.string(),
})
const EcKey = z.object({
  ...common,
  kty: z.literal('EC'),
  alg: z.literal('ES256').optional(),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
})
const Key = z.discriminatedUnion('kty', [RsaKey, EcKey])
const KeySet = z.looseObject({ keys: z.array(z.unknown()).max(keysMax) })

interface KnownKey {
  readonly algorithm: SignatureAlgorithm
  readonly key: KeyObject
}

/** The keys at a place, read when the first one is asked for. */
export function jwksAt(options: JwksOptions): Jwks {
  const { place, clock, warn } = options
  let known: ReadonlyMap<string, KnownKey> = new Map()
  let [askedMs, readMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let asking: Promise<void> | undefined
  let isGone = false
  const ask = async () => {
    askedMs = clock.nowMs()
    try {
      known = parsed(await textAt(place))
      readMs = clock.nowMs()
      isGone = false
    } catch (error) {
      isGone = true
      const why = messageOf(error)
      warn(`The keys at ${place} cannot be read: ${why}`)
    }
  }
  const refreshed = async () => {
    if (clock.nowMs() - askedMs < askAgainMs && asking === undefined) return
    asking ??= ask().finally(() => {
      asking = undefined
    })
    await asking
  }
  return {
    key: async (kid, algorithm) => {
      if (!known.has(kid) || clock.nowMs() - readMs > freshMs) await refreshed()
      const found = known.get(kid)
      if (found === undefined && isGone) throw issuerGone()
      return found?.algorithm === algorithm ? found.key : undefined
    },
  }
}

/** Whoever asks is not told where the keys lie. */
function issuerGone(): AppError {
  return new AppError('oci/issuer-gone', 'The keys that the token is checked with cannot be read', {
    hints: ['Try again in half a minute. Who runs this registry finds the reason in its log.'],
    retryable: true,
  })
}

async function textAt(place: string): Promise<string> {
  if (!/^https?:/.test(place)) {
    const bytes = readIfPresent(place)
    if (bytes === undefined) throw new Error('there is no such file')
    if (bytes.byteLength > jwksBytesMax) throw new Error(`it has more than ${jwksBytesMax} bytes`)
    return new TextDecoder().decode(bytes)
  }
  // A redirect could lead anywhere, and no issuer needs one.
  const answer = await fetch(place, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(answerMsMax),
  })
  if (!answer.ok || answer.body === null) throw new Error(`the answer is ${answer.status}`)
  return new TextDecoder().decode(await readAll(answer.body, jwksBytesMax, 'The key set'))
}

function parsed(text: string): ReadonlyMap<string, KnownKey> {
  const { keys } = KeySet.parse(JSON.parse(text))
  const known = new Map<string, KnownKey>()
  for (const one of keys) {
    // A key that we cannot use is for others; it takes nothing from the rest.
    const key = Key.safeParse(one).data
    const usable = key === undefined ? undefined : usableKey(key)
    if (key !== undefined && usable !== undefined && !known.has(key.kid)) known.set(key.kid, usable)
  }
  return known
}

function usableKey({ kid: _kid, use: _use, alg: _alg, ...members }: z.infer<typeof Key>) {
  const algorithm: SignatureAlgorithm = members.kty === 'RSA' ? 'RS256' : 'ES256'
  try {
    const key = createPublicKey({ key: members, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength ?? rsaBitsMin
    return bits < rsaBitsMin ? undefined : { algorithm, key }
  } catch {
    return undefined
  }
}
