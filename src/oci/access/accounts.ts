/**
 * Accounts: users with passwords and robots with tokens, in tables that several servers share.
 *
 * Invariant: no secret is stored, only what it can be compared with: argon2id of a password,
 * SHA-256 of a token, which is 256 random bits. Every change counts up one number and is recorded
 * in the audit log in the same transaction; who remembers something of an account knows by the
 * number whether it still holds.
 * Not here: who asks (`authority.ts`).
 */
import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { AppError, type Clock } from '#kernel/index.ts'
import type { Database, Migration, Queryable } from '../registry/database.ts'
import { auditTables, recordAll } from './audit.ts'
import { Grant } from './principal.ts'

export type AccountKind = 'user' | 'token'

export interface Account {
  /** Never given twice, so that a name that is used again is not the account it was. */
  readonly id: number
  readonly name: string
  readonly kind: AccountKind
  readonly grants: readonly Grant[]
  readonly createdMs: number
  readonly expiresMs?: number
}

export interface NewAccount {
  readonly name: string
  readonly kind: AccountKind
  readonly grants: readonly Grant[]
  readonly expiresMs?: number
  /** Of a user; without it one is made. */
  readonly password?: string
}

export interface Renewal {
  /** Of a user; without it one is made. */
  readonly password?: string
  /** When it ends now; as before when not given. */
  readonly expires?: number | 'never'
}

export interface Accounts {
  /**
   * Makes an account; its secret is given here and never again.
   * @throws AppError `oci/account-exists`, `oci/account-invalid`
   */
  add(account: NewAccount): Promise<{ readonly account: Account; readonly secret: string }>
  /**
   * Gives an account another secret, and ends every bearer token that was made for the old one;
   * undefined when there is none.
   * @throws AppError `oci/account-invalid`
   */
  renew(
    kind: AccountKind,
    name: string,
    change: Renewal,
  ): Promise<{ readonly account: Account; readonly secret: string } | undefined>
  list(kind: AccountKind): Promise<readonly Account[]>
  /** Ends an account, and with it every bearer token that was made for it. */
  revoke(kind: AccountKind, name: string): Promise<boolean>
  user(name: string): Promise<{ readonly account: Account; readonly hash: string } | undefined>
  token(secret: string): Promise<Account | undefined>
  byId(id: number): Promise<Account | undefined>
  /** Another number after every change. */
  version(): Promise<number>
}

export const accessMigrations: readonly Migration[] = [
  ({ text, integer, serial, bytes }) => [
    `CREATE TABLE account (
      id ${serial},
      name ${text} NOT NULL UNIQUE,
      kind ${text} NOT NULL,
      secret ${text} NOT NULL UNIQUE,
      grants ${text} NOT NULL,
      created_ms ${integer} NOT NULL,
      expires_ms ${integer}
    )`,
    `CREATE TABLE access_version (one ${integer} PRIMARY KEY, version ${integer} NOT NULL)`,
    'INSERT INTO access_version VALUES (1, 1)',
    `CREATE TABLE signing_key (
      id ${serial},
      secret ${bytes} NOT NULL,
      created_ms ${integer} NOT NULL
    )`,
    ...auditTables({ text, integer, serial, bytes }),
  ],
]

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/
const passwordLengthMin = 12
const passwordLengthMax = 512
/** What every token begins with, so that scanners for leaked secrets can know it. */
export const tokenPrefix = 'blt_'
/** OWASP's least for argon2id; more memory would let a few log-ins fill a small machine. */
export const passwordCost = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const

const StoredGrants = z.array(Grant)

interface Row {
  readonly id: number
  readonly name: string
  readonly kind: AccountKind
  readonly secret: string
  readonly grants: string
  readonly created_ms: number
  readonly expires_ms: number | null
}

/** Who changes accounts, for the audit log. */
export interface Actor {
  readonly who: string
  readonly kind: string
  readonly source: string
}

export const nobody: Actor = { who: 'system', kind: 'local', source: '' }

/** The accounts in a database whose area `access` was migrated. */
export function accountsIn(database: Database, clock: Clock, actor = nobody): Accounts {
  const noted = (within: Queryable, action: string, subject: string) =>
    noteChange(within, { ...actor, action, subject }, clock.nowMs())
  const one = async (where: string, value: string | number) => {
    const [row] = await database.query<Row>(`SELECT * FROM account WHERE ${where}`, [value])
    const expired = row?.expires_ms !== null && (row?.expires_ms ?? 0) <= clock.nowMs()
    return row === undefined || expired ? undefined : row
  }
  return {
    add: async (wanted) => {
      checkNew(wanted, clock.nowMs())
      const { secret, stored } = await secretOf(wanted)
      const account = await database.transaction(async (within) => {
        const row = await inserted(within, wanted, { stored, nowMs: clock.nowMs() })
        await noted(within, 'account.add', wanted.name)
        return row
      })
      return { account: accountOf(account), secret }
    },
    renew: async (kind, name, change) => {
      const [known] = await database.query<Row>(
        'SELECT * FROM account WHERE kind = ? AND name = ?',
        [kind, name],
      )
      if (known === undefined) return undefined
      const wanted = renewedAs(accountOf(known), change)
      checkNew(wanted, clock.nowMs())
      const { secret, stored } = await secretOf(wanted)
      return await database.transaction(async (within) => {
        // With another id, so that what was given for the old secret ends.
        const gone = await within.run('DELETE FROM account WHERE id = ?', [known.id])
        if (gone === 0) return undefined
        const row = await inserted(within, wanted, { stored, nowMs: clock.nowMs() })
        await noted(within, 'account.renew', name)
        return { account: accountOf(row), secret }
      })
    },
    list: async (kind) => {
      const text = 'SELECT * FROM account WHERE kind = ? ORDER BY name'
      return (await database.query<Row>(text, [kind])).map(accountOf)
    },
    revoke: (kind, name) =>
      database.transaction(async (within) => {
        const gone = await within.run('DELETE FROM account WHERE kind = ? AND name = ?', [
          kind,
          name,
        ])
        if (gone > 0) await noted(within, 'account.revoke', name)
        return gone > 0
      }),
    user: async (name) => {
      if (!namePattern.test(name)) return undefined
      const row = await one("kind = 'user' AND name = ?", name)
      return row === undefined ? undefined : { account: accountOf(row), hash: row.secret }
    },
    token: async (secret) => {
      const row = await one("kind = 'token' AND secret = ?", tokenHash(secret))
      return row === undefined ? undefined : accountOf(row)
    },
    byId: async (id) => {
      const row = await one('id = ?', id)
      return row === undefined ? undefined : accountOf(row)
    },
    version: async () => {
      const [row] = await database.query<{ version: number }>('SELECT version FROM access_version')
      return row?.version ?? 0
    },
  }
}

/** Records a change, and tells everybody who remembers something that it may not hold any more. */
export async function noteChange(
  within: Queryable,
  change: Actor & { readonly action: string; readonly subject?: string },
  nowMs: number,
): Promise<void> {
  await recordAll(within, [{ subject: '', repository: '', outcome: 'done', ...change }], nowMs)
  await within.run('UPDATE access_version SET version = version + 1')
}

function renewedAs(
  { name, kind, grants, expiresMs }: Account,
  { expires = expiresMs, ...password }: Renewal,
): NewAccount {
  const end = expires === 'never' || expires === undefined ? {} : { expiresMs: expires }
  return { name, kind, grants, ...password, ...end }
}

async function inserted(
  within: Queryable,
  { name, kind, grants, expiresMs }: NewAccount,
  { stored, nowMs }: { stored: string; nowMs: number },
): Promise<Row> {
  const [row] = await within.query<Row>(
    `INSERT INTO account (name, kind, secret, grants, created_ms, expires_ms)
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING *`,
    [name, kind, stored, JSON.stringify(grants), nowMs, expiresMs ?? null],
  )
  if (row !== undefined) return row
  throw new AppError('oci/account-exists', `There is an account '${name}' already`, {
    hints: [
      '`renew` gives it another secret. To change what it may do, revoke it first: its bearer tokens end with it.',
    ],
  })
}

function accountOf(row: Row): Account {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    grants: StoredGrants.parse(JSON.parse(row.grants)),
    createdMs: row.created_ms,
    ...(row.expires_ms === null ? {} : { expiresMs: row.expires_ms }),
  }
}

function checkNew({ name, kind, grants, password, expiresMs }: NewAccount, nowMs: number): void {
  const complaint = !namePattern.test(name)
    ? `'${name.slice(0, 80)}' is not a name: up to 64 letters, digits, \`.\`, \`_\`, \`-\` and \`@\``
    : grants.length === 0
      ? `The account '${name}' would be allowed nothing`
      : expiresMs !== undefined && expiresMs <= nowMs
        ? `The account '${name}' would have expired already`
        : kind === 'user' && password !== undefined
          ? passwordComplaint(password)
          : undefined
  if (complaint !== undefined) throw new AppError('oci/account-invalid', complaint)
}

function passwordComplaint({ length }: string): string | undefined {
  if (length < passwordLengthMin)
    return `The password has ${length} characters, at least ${passwordLengthMin} are wanted`
  return length > passwordLengthMax ? 'The password is too long' : undefined
}

async function secretOf({ kind, password }: NewAccount) {
  const random = randomBytes(32).toString('base64url')
  if (kind === 'token') {
    const secret = tokenPrefix + random
    return { secret, stored: tokenHash(secret) }
  }
  const secret = password ?? random
  return { secret, stored: await Bun.password.hash(secret, passwordCost) }
}

function tokenHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}
