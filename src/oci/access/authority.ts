/**
 * Who asks: names with passwords, robot tokens, tokens of others, and our own bearer tokens.
 *
 * Invariant: what is remembered of an account is used only while the version of the accounts is the
 * one that it was read at, and that is asked for with every request that carries credentials; so a
 * revocation that has ended holds for every request that begins after it, on every server.
 * Not here: HTTP (`#server`), what is allowed to whom (`principal.ts`).
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { canonicalJson, type Clock } from '#kernel/index.ts'
import type { Database } from '../registry/database.ts'
import { type Account, type Accounts, accountsIn, passwordCost, tokenPrefix } from './accounts.ts'
import { type Remembered, versionedMemory } from './memory.ts'
import { looksSigned, oidcIdentity, type OidcProvider } from './oidc.ts'
import { type CompiledGrant, compiledGrants, type Grant, type Principal } from './principal.ts'
import { type Access, narrowedTo } from './scopes.ts'
import { type Claims, sessionsIn } from './sessions.ts'

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

/** An authority over the accounts in a database. */
export function authorityOn(options: AuthorityOptions): Authority {
  const { database, clock, service, tokenLifetimeMs } = options
  const accounts = accountsIn(database, clock)
  const sessions = sessionsIn(database, clock)
  const verifyPassword = passwordChecker()
  const cookie = randomBytes(32)
  const rules = rulesDigest(options)
  const everybodys = everybodysGrants(options)
  const begin = versionedMemory({
    clock,
    version: () => accounts.version(),
    forget: () => sessions.forget(),
  })
  return {
    service,
    anonymous: { kind: 'anonymous', name: 'anonymous', grants: [], everybodys },
    login: async ({ username, password }) => {
      const turn = await begin()
      const key = createHmac('sha256', cookie).update(`${username}\0${password}`).digest('base64')
      const known = turn.recall(key)
      if (known !== undefined) return known
      if (looksSigned(password)) {
        const found = await ofOthers(password, options)
        return found === undefined ? 'refused' : turn.remember(key, found)
      }
      const account = password.startsWith(tokenPrefix)
        ? await accounts.token(password)
        : await userWith(accounts, verifyPassword, { username, password })
      if (account === 'busy') return 'busy'
      return account === undefined
        ? 'refused'
        : turn.remember(key, rememberedAccount(account, options))
    },
    bearer: async (token) => {
      const turn = await begin()
      const known = turn.recall(token)
      if (known !== undefined) return known
      if (token.startsWith(tokenPrefix)) {
        const account = await accounts.token(token)
        return account && turn.remember(token, rememberedAccount(account, options))
      }
      const claims = await sessions.verify(token)
      const found =
        claims === undefined
          ? await ofOthers(token, options)
          : await sessionOf(claims, accounts, { ...options, rules })
      return found && turn.remember(token, found)
    },
    issue: async (principal, wanted) => {
      const nowMs = clock.nowMs()
      const untilMs = Math.min(nowMs + tokenLifetimeMs, endOf(principal))
      const [iat, exp] = [Math.floor(nowMs / 1000), Math.floor(untilMs / 1000)]
      const { account, kind, name } = principal
      const token = await sessions.sign({
        aud: service,
        sub: name,
        kind: kind === 'everybody' ? 'anonymous' : kind,
        ...(account === undefined ? {} : { account }),
        ...(kind === 'oidc' ? { rules } : {}),
        ...narrowedTo(principal, wanted),
        iat,
        exp,
      })
      return { token, lifetimeSeconds: exp - iat, issuedMs: iat * 1000 }
    },
  }
}

/**
 * When what is derived from it ends. Tokens of others are good for some minutes, in which a large
 * push does not end; what is derived from a bearer token never outlives that.
 */
function endOf({ kind, narrowed, expiresMs = Infinity }: Principal): number {
  return kind === 'oidc' && narrowed === undefined ? Infinity : expiresMs
}

async function ofOthers(token: string, options: AuthorityOptions): Promise<Remembered | undefined> {
  const found = await oidcIdentity(token, options.oidc, options.clock)
  if (found === undefined) return undefined
  const { name, grants, expiresMs } = found
  const principal: Principal = {
    kind: 'oidc',
    name,
    grants: compiledGrants(grants),
    everybodys: everybodysGrants(options),
    expiresMs,
  }
  return { principal, expiresMs }
}

interface Ruled extends AuthorityOptions {
  /** Of the rules for tokens of others. */
  readonly rules: string
}

/** Another text for other rules, the same on every server that has them. */
function rulesDigest({ oidc, anonymous }: AuthorityOptions): string {
  const all = oidc.map(({ issuer, audience, rules }) => ({ issuer, audience, rules }))
  return createHash('sha256')
    .update(canonicalJson([all, anonymous]))
    .digest('base64url')
}

async function sessionOf(
  claims: Claims,
  accounts: Accounts,
  options: Ruled,
): Promise<Remembered | undefined> {
  const { kind, sub: name, account, aud, catalog, exp } = claims
  const grants = aud === options.service ? await grantsBehind(claims, accounts, options) : undefined
  if (grants === undefined) return undefined
  const expiresMs = exp * 1000
  const principal: Principal = {
    kind,
    name,
    grants: compiledGrants(grants),
    everybodys: everybodysGrants(options),
    narrowed: { grants: compiledGrants(claims.grants), catalog },
    // What is derived from this one never outlives it.
    expiresMs,
    ...(account === undefined ? {} : { account }),
  }
  return { principal, expiresMs }
}

/** What the account may do now; a token of others, while its rules are in force. */
async function grantsBehind(
  { kind, account, grants, rules }: Claims,
  accounts: Accounts,
  options: Ruled,
): Promise<readonly Grant[] | undefined> {
  if (kind === 'anonymous') return []
  if (account === undefined) return kind === 'oidc' && rules === options.rules ? grants : undefined
  return (await accounts.byId(account))?.grants
}

function everybodysGrants({ anonymous }: AuthorityOptions): readonly CompiledGrant[] {
  return anonymous.length === 0
    ? []
    : compiledGrants([{ repositories: anonymous, actions: ['pull'] }])
}

function rememberedAccount(
  { id, kind, name, grants, expiresMs }: Account,
  options: AuthorityOptions,
): Remembered {
  return {
    principal: {
      kind,
      name,
      account: id,
      grants: compiledGrants(grants),
      everybodys: everybodysGrants(options),
      ...(expiresMs === undefined ? {} : { expiresMs }),
    },
    expiresMs: expiresMs ?? Number.POSITIVE_INFINITY,
  }
}

type PasswordCheck = (password: string, hash: string) => Promise<boolean | 'busy'>

/** A name that nobody has takes as long as one that somebody has. */
async function userWith(
  accounts: Accounts,
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
