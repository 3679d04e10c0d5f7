/**
 * Bearer tokens: short-lived, signed by this registry for itself, checked without a look-up.
 *
 * A token is a JSON Web Token (RFC 7519) with HMAC-SHA-256 under one of the keys in the database;
 * who else than us would check it cannot, so a public key would serve nobody. Keys change by
 * themselves and stay until what they signed has expired.
 * Invariant: only `HS256` and keys of the table are tried, whatever a token's header says.
 * Not here: whether the account still exists (`authority.ts`).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '#kernel/index.ts'
import type { Database } from '../registry/database.ts'
import { noteChange, nobody } from './accounts.ts'
import { Grant } from './principal.ts'

const keyAgeMsMax = 30 * 86_400_000
/** No token lives longer than an hour, so a key that was followed by another is kept for two. */
const keyAfterlifeMs = 2 * 3_600_000
export const tokenCharactersMax = 16_384

export const Claims = z.object({
  /** The service that it is for: this registry's name. */
  aud: z.string(),
  sub: z.string(),
  kind: z.enum(['anonymous', 'user', 'token', 'oidc']),
  /** The account; not for strangers and tokens of others. */
  account: z.number().optional(),
  grants: z.array(Grant).readonly(),
  /** Of a token of others: the rules that gave the grants. */
  rules: z.string().optional(),
  catalog: z.boolean(),
  /** Seconds since 1970. */
  iat: z.number(),
  exp: z.number(),
})
export type Claims = z.infer<typeof Claims>

export interface Sessions {
  sign(claims: Claims): Promise<string>
  /** The claims of a token that we signed and that has not expired. */
  verify(token: string): Promise<Claims | undefined>
  /** Ends every bearer token at once. */
  endAll(): Promise<void>
  /** Reads the keys anew before the next token. */
  forget(): void
}

interface Key {
  readonly id: number
  readonly secret: Uint8Array
  readonly created_ms: number
}

const Header = z.object({ alg: z.literal('HS256'), kid: z.string().regex(/^[0-9]{1,15}$/) })

/** Bearer tokens signed with the keys in a database whose area `access` was migrated. */
export function sessionsIn(database: Database, clock: Clock, actor = nobody): Sessions {
  let keys: readonly Key[] = []
  const reload = async () => {
    keys = await database.query<Key>('SELECT * FROM signing_key ORDER BY id DESC')
  }
  const signing = async (): Promise<Key> => {
    const isYoung = (key: Key | undefined) =>
      key !== undefined && key.created_ms > clock.nowMs() - keyAgeMsMax
    if (!isYoung(keys[0])) await reload()
    if (!isYoung(keys[0]))
      try {
        await renewKey(database, clock)
        await reload()
      } catch (error) {
        // A disk that is full or read-only keeps nobody from pulling: the old key is still good.
        if (keys[0] === undefined) throw error
      }
    const [newest] = keys
    if (newest === undefined) throw new TypeError('Broken invariant: a key that was made is there')
    return newest
  }
  return {
    sign: async (claims) => {
      const key = await signing()
      const text = `${encoded({ alg: 'HS256', typ: 'JWT', kid: `${key.id}` })}.${encoded(claims)}`
      return `${text}.${signature(key, text).toString('base64url')}`
    },
    verify: async (token) => {
      if (token.length > tokenCharactersMax) return undefined
      const [head = '', body = '', given = '', ...more] = token.split('.')
      const header = Header.safeParse(decoded(head))
      if (!header.success || more.length > 0) return undefined
      const find = () => keys.find(({ id }) => `${id}` === header.data.kid)
      if (find() === undefined) await reload()
      const key = find()
      if (key === undefined) return undefined
      const right = signature(key, `${head}.${body}`)
      const bytes = Buffer.from(given, 'base64url')
      if (bytes.byteLength !== right.byteLength || !timingSafeEqual(bytes, right)) return undefined
      const claims = Claims.safeParse(decoded(body))
      return claims.data !== undefined && claims.data.exp * 1000 > clock.nowMs()
        ? claims.data
        : undefined
    },
    endAll: async () => {
      await database.transaction(async (within) => {
        await within.run('DELETE FROM signing_key')
        await noteChange(within, { ...actor, action: 'sessions.end' }, clock.nowMs())
      })
      await reload()
    },
    forget: () => {
      keys = []
    },
  }
}

/** A new key, and away with those whose tokens have all expired. */
async function renewKey(database: Database, clock: Clock): Promise<void> {
  const nowMs = clock.nowMs()
  await database.transaction(async (within) => {
    const [newest] = await within.query<Key>('SELECT * FROM signing_key ORDER BY id DESC LIMIT 1')
    if (newest !== undefined && newest.created_ms > nowMs - keyAgeMsMax) return
    await within.run('DELETE FROM signing_key WHERE created_ms < ?', [
      nowMs - keyAgeMsMax - keyAfterlifeMs,
    ])
    await within.run('INSERT INTO signing_key (secret, created_ms) VALUES (?, ?)', [
      new Uint8Array(randomBytes(32)),
      nowMs,
    ])
  })
}

function signature(key: Key, text: string): Buffer {
  return createHmac('sha256', key.secret).update(text).digest()
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** JSON in base64url; undefined for anything else. */
export function decoded(text: string): unknown {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown
  } catch {
    return undefined
  }
}
