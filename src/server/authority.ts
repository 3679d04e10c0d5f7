/**
 * The authority that a configuration asks for, over the accounts in the registry's folder.
 */
import { isAbsolute, join } from 'node:path'
import { AppError, type Clock, type Emit, readNamed } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'
import {
  type Authority,
  accessMigrations,
  authorityOn,
  auditIn,
  type Database,
  type DatabasePlace,
  type AuditLog,
  jwksAt,
  openDatabase,
  type OidcProvider,
} from '#oci/index.ts'

type AccessConfig = NonNullable<RegistryConfig['access']>

export interface AuthorityPlace {
  /** Where accounts are. */
  readonly accounts: DatabasePlace
  /** What is open there already. */
  readonly shared: Database
  readonly config: RegistryConfig
  /** What paths in the configuration are relative to. */
  readonly folder: string
  readonly clock: Clock
  readonly emit: Emit
}

export interface OpenAuthority {
  /** Absent where the configuration does not restrict access. */
  readonly authority?: Authority
  readonly audit?: AuditLog
  close(): Promise<void>
}

/** @throws AppError `kernel/read-only`, `oci/bad-layout`, `oci/database-gone` */
export async function openAuthority(place: AuthorityPlace): Promise<OpenAuthority> {
  const { accounts, shared, config, clock } = place
  const { access, listen } = config
  if (access === undefined) return { close: async () => undefined }
  // A connection to SQLite runs one thing after another, and log-ins do not wait for the audit log.
  const isPool = accounts.kind === 'postgres'
  const database = isPool ? shared : openDatabase(accounts)
  await database.migrate('access', accessMigrations)
  const authority = authorityOn({
    database,
    clock,
    service: listen?.url === undefined ? 'backlot' : new URL(listen.url).host,
    tokenLifetimeMs: access['token-lifetime'],
    anonymous: access.anonymous,
    oidc: access.oidc.map((provider) => providerOf(provider, place)),
  })
  const log = isPool ? shared : openDatabase(accounts)
  const close = async () => {
    if (isPool) return
    await log.close()
    await database.close()
  }
  return { authority, audit: auditIn(log, clock), close }
}

function providerOf(
  { issuer, audience, keys, rules }: AccessConfig['oidc'][number],
  { folder, clock, emit }: AuthorityPlace,
): OidcProvider {
  const isPath = !/^https?:/.test(keys)
  const place = isPath && !isAbsolute(keys) ? join(folder, keys) : keys
  // They are read when the first token comes; that they cannot be is told at the start.
  if (isPath) readNamed(place, (fault) => badKeys(`${place}, with the keys of ${issuer}, ${fault}`))
  const warn = (text: string) => emit({ kind: 'warning', text, hints: [] })
  return {
    issuer,
    audience,
    jwks: jwksAt({ place, clock, warn }),
    rules: rules.map(({ when, repositories, actions }) => ({
      when: Object.fromEntries(
        Object.entries(when).flatMap(([claim, pattern]) =>
          pattern === undefined ? [] : [[claim, pattern]],
        ),
      ),
      repositories,
      actions,
    })),
  }
}

function badKeys(text: string): AppError {
  return new AppError('model/bad-file', text, {
    hints: ['access.oidc.keys in registry.yaml names it: a JWKS, or its https URL.'],
  })
}
