/**
 * Who asks: names with passwords, robot tokens, tokens of others, and our own bearer tokens.
 *
 * Invariant: what is remembered of an account is used only while the version of the accounts is the
 * one that it was read at, and that is asked for with every request that carries credentials; so a
 * revocation that has ended holds for every request that begins after it, on every server.
 * Not here: HTTP (`#server`), what is allowed to whom (`principal.ts`).
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '#kernel/index.ts'
import type { Database } from '../registry/database.ts'
import { type Account, accountsIn, passwordCost, tokenPrefix } from './accounts.ts'
import { looksSigned, oidcIdentity, type OidcProvider } from './oidc.ts'
import { compiledGrants, type Grant, type Principal } from './principal.ts'
import { type Access, narrowedTo } from './scopes.ts'
import { type Claims, sessionsIn } from './sessions.ts'

const rememberedMax = 10_000
const passwordChecksMax = 2
const waitingChecksMax = 64

export interface AuthorityOptions {
  /** Its area `access` was migrated. */
  readonly database: Database
  readonly clock: Clock
  /** The registry's name: what its bearer tokens are for. */
  readonly service: string
  readonly tokenLifetimeMs: number
  /** Patterns of repositories that everybody may pull. */
  readonly anonymous: readonly string[]
  readonly oidc: readonly OidcProvider[]
}

export interface Login {
  readonly username: string
  readonly password: string
}

/** `busy`: more passwords are to be checked than this machine can; nothing was decided. */
export type LoginOutcome = Principal | 'refused' | 'busy'

export interface IssuedToken {
  readonly token: string
  readonly lifetimeSeconds: number
  readonly issuedMs: number
}

export interface Authority {
  readonly service: string
  /** Who says nothing of themselves. */
  readonly anonymous: Principal
  /** By password, by robot token, or by a token of others in the place of the password. */
  login(login: Login): Promise<LoginOutcome>
  bearer(token: string): Promise<Principal | undefined>
  issue(principal: Principal, wanted: Access): Promise<IssuedToken>
}

interface Remembered {
  readonly principal: Principal
  readonly expiresMs: number
}

/** An authority over the accounts in a database. */
export function authorityOn(options: AuthorityOptions): Authority {
  const { database, clock, service } = options
  const accounts = accountsIn(database, clock)
  const sessions = sessionsIn(database, clock)
  const remembered = new Map<string, Remembered>()
  const cookie = randomBytes(32)
  const verifyPassword = passwordChecker()
  let seen: number | undefined
  const version = coalesced(() => accounts.version())
  const checkVersion = async () => {
    const now = await version()
    if (now === seen) return seen
    seen = now
    remembered.clear()
    sessions.forget()
    return seen
  }
  /** What was read before a change, and the change was noticed since, is not kept. */
  const remember = (key: string, found: Remembered, readAt: number | undefined): Principal => {
    if (remembered.size >= rememberedMax) remembered.clear()
    if (readAt === seen) remembered.set(key, found)
    return found.principal
  }
  const recall = (key: string): Principal | undefined => {
    const found = remembered.get(key)
    if (found !== undefined && found.expiresMs > clock.nowMs()) return found.principal
    if (found !== undefined) remembered.delete(key)
    return undefined
  }
  const ofOthers = async (token: string): Promise<Remembered | undefined> => {
    const found = await oidcIdentity(token, options.oidc, clock)
    if (found === undefined) return undefined
    const { name, grants, expiresMs } = found
    const principal = { kind: 'oidc' as const, name, grants: compiledGrants(grants), expiresMs }
    return { principal, expiresMs }
  }
  const session = async (token: string): Promise<Remembered | undefined> => {
    const claims = await sessions.verify(token)
    if (claims === undefined || claims.aud !== service) return undefined
    const grants = await grantsBehind(claims)
    if (grants === undefined) return undefined
    const expiresMs = claims.exp * 1000
    const narrowed = { grants: compiledGrants(claims.grants), catalog: claims.catalog }
    const { kind, sub: name } = claims
    const principal = { kind, name, grants: compiledGrants(grants), narrowed, ...ends(claims) }
    return { principal, expiresMs }
  }
  /** What the account may do now; a stranger and a token of others, what they were given. */
  const grantsBehind = async (claims: Claims): Promise<readonly Grant[] | undefined> => {
    if (claims.kind === 'anonymous') return anonymousGrants(options)
    if (claims.account === undefined) return claims.kind === 'oidc' ? claims.grants : undefined
    return (await accounts.byId(claims.account))?.grants
  }
  return {
    service,
    anonymous: {
      kind: 'anonymous',
      name: 'anonymous',
      grants: compiledGrants(anonymousGrants(options)),
    },
    login: async ({ username, password }) => {
      const at = await checkVersion()
      const key = createHmac('sha256', cookie).update(`${username}\0${password}`).digest('base64')
      const known = recall(key)
      if (known !== undefined) return known
      if (looksSigned(password)) {
        const found = await ofOthers(password)
        return found === undefined ? 'refused' : remember(key, found, at)
      }
      const account = password.startsWith(tokenPrefix)
        ? await accounts.token(password)
        : await userWith(accounts, verifyPassword, { username, password })
      if (account === 'busy') return 'busy'
      return account === undefined ? 'refused' : remember(key, rememberedAccount(account), at)
    },
    bearer: async (token) => {
      const at = await checkVersion()
      const known = recall(token)
      if (known !== undefined) return known
      if (token.startsWith(tokenPrefix)) {
        const account = await accounts.token(token)
        return account && remember(token, rememberedAccount(account), at)
      }
      const found = (await session(token)) ?? (await ofOthers(token))
      return found && remember(token, found, at)
    },
    issue: async (principal, wanted) => {
      const nowMs = clock.nowMs()
      const untilMs = Math.min(
        nowMs + options.tokenLifetimeMs,
        principal.expiresMs ?? Number.POSITIVE_INFINITY,
      )
      const [iat, exp] = [Math.floor(nowMs / 1000), Math.floor(untilMs / 1000)]
      const { account, kind, name } = principal
      const token = await sessions.sign({
        aud: service,
        sub: name,
        kind: kind === 'everybody' ? 'anonymous' : kind,
        ...(account === undefined ? {} : { account }),
        ...narrowedTo(principal, wanted),
        iat,
        exp,
      })
      return { token, lifetimeSeconds: exp - iat, issuedMs: iat * 1000 }
    },
  }
}

function anonymousGrants({ anonymous }: AuthorityOptions): readonly Grant[] {
  return anonymous.length === 0 ? [] : [{ repositories: anonymous, actions: ['pull'] }]
}

function ends({ account, kind, exp }: Claims): Partial<Principal> {
  if (account !== undefined) return { account }
  // What is derived from a token of others never outlives it.
  return kind === 'oidc' ? { expiresMs: exp * 1000 } : {}
}

function rememberedAccount({ id, kind, name, grants, expiresMs }: Account): Remembered {
  return {
    principal: {
      kind,
      name,
      account: id,
      grants: compiledGrants(grants),
      ...(expiresMs === undefined ? {} : { expiresMs }),
    },
    expiresMs: expiresMs ?? Number.POSITIVE_INFINITY,
  }
}

type PasswordCheck = (password: string, hash: string) => Promise<boolean | 'busy'>

/** A name that nobody has takes as long as one that somebody has. */
async function userWith(
  accounts: ReturnType<typeof accountsIn>,
  check: PasswordCheck,
  { username, password }: Login,
): Promise<Account | 'busy' | undefined> {
  const found = await accounts.user(username)
  const right = await check(password, found?.hash ?? (await nobodysHash()))
  if (right === 'busy') return 'busy'
  return right ? found?.account : undefined
}

let nobodys: Promise<string> | undefined

function nobodysHash(): Promise<string> {
  return (nobodys ??= Bun.password.hash(randomBytes(32).toString('base64url'), passwordCost))
}

/** Checks few passwords at once: each takes much memory and a core. */
function passwordChecker(): PasswordCheck {
  let running = 0
  const waiting: (() => void)[] = []
  return async (password, hash) => {
    if (waiting.length >= waitingChecksMax) return 'busy'
    if (running >= passwordChecksMax)
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
      })
    running += 1
    try {
      return await Bun.password.verify(password, hash)
    } catch {
      return false // An empty password, or one that the algorithm does not take.
    } finally {
      running -= 1
      waiting.shift()?.()
    }
  }
}

/** One question at a time; who asks while one is under way gets the answer to the next. */
function coalesced<T>(ask: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  let next: Promise<T> | undefined
  const start = (): Promise<T> => {
    const asked = ask().finally(() => {
      if (running === asked) running = undefined
    })
    running = asked
    return asked
  }
  return () => {
    if (running === undefined) return start()
    next ??= running.then(
      () => startNext(),
      () => startNext(),
    )
    return next
  }
  function startNext(): Promise<T> {
    next = undefined
    return start()
  }
}
