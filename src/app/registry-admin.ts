/**
 * Looking after a registry from beside it: accounts, bearer tokens, the audit log.
 *
 * Everything is a transaction on the database that the server uses, so it may be done while the
 * server runs, and holds for the next request. Not here: blobs and manifests.
 */
import { userInfo } from 'node:os'
import type { Clock } from '#kernel/index.ts'
import type { Accounts, Actor, AuditHead, AuditRecord, AuditVerdict } from '#oci/index.ts'

export interface RegistryAdmin extends AsyncDisposable {
  /** The folder of which this made a registry, as there was none. */
  readonly madeIn: string | undefined
  readonly accounts: Accounts
  /** Ends every bearer token that was given out. */
  endSessions(): Promise<void>
  /** The newest records, oldest first. */
  auditRecords(question: { after?: number; limit: number }): Promise<readonly AuditRecord[]>
  auditVerdict(noted: AuditHead | undefined): Promise<AuditVerdict>
}

/**
 * Opens what is kept beside the blobs of a registry: in its folder, or in PostgreSQL.
 * @throws AppError `kernel/read-only`, `oci/bad-layout`, `oci/database-gone`
 */
export async function openRegistryAdmin(place: {
  readonly dir: string
  readonly postgres?: { readonly url: string } | undefined
  /** Whether it may be made by this, as accounts may be before the first start of a server. */
  readonly mayBeNew?: boolean
  readonly clock: Clock
}): Promise<RegistryAdmin> {
  const { clock, mayBeNew = false } = place
  const {
    accessMigrations,
    accountsIn,
    checkIsThere,
    isThere,
    listAudit,
    openDatabase,
    servicePlace,
    sessionsIn,
    verifyAudit,
  } = await import('#oci/index.ts')
  if (!mayBeNew) checkIsThere(place)
  const madeIn = isThere(place) ? undefined : place.dir
  const database = openDatabase(servicePlace(place))
  await database.migrate('access', accessMigrations)
  const actor = localActor()
  return {
    madeIn,
    accounts: accountsIn(database, clock, actor),
    endSessions: () => sessionsIn(database, clock, actor).endAll(),
    auditRecords: (question) => listAudit(database, question),
    auditVerdict: (noted) => verifyAudit(database, noted),
    [Symbol.asyncDispose]: () => database.close(),
  }
}

/** Who runs this command; where the environment names nobody, the runtime knows only the number. */
export function localActor(): Actor {
  const { username, uid } = userInfo()
  const who = username === 'unknown' ? `uid ${uid}` : username
  return { who, kind: 'local', source: '' }
}
