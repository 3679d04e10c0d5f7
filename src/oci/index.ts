/**
 * OCI content and how it travels: schemas, references, layouts, the registry client, transfers,
 * and the registry core that the server puts HTTP around.
 *
 * Not here: what a Backlot build is (`#model`), HTTP routes (`#server`).
 */
export { checkUnambiguous } from './unambiguous.ts'
export {
  type Account,
  type AccountKind,
  type Accounts,
  accessMigrations,
  accountsIn,
  type Actor,
  type NewAccount,
} from './access/accounts.ts'
export {
  type AuditEvent,
  type AuditHead,
  auditIn,
  type AuditLog,
  type AuditRecord,
  type AuditVerdict,
  listAudit,
  verifyAudit,
} from './access/audit.ts'
export { type Authority, authorityOn, type AuthorityOptions } from './access/authority.ts'
export { jwksAt } from './access/jwks.ts'
export type { OidcProvider } from './access/oidc.ts'
export {
  type Action,
  everybody,
  type Grant,
  may,
  mayAnything,
  mayAsk,
  type Principal,
} from './access/principal.ts'
export { type NamespaceRules, ruled } from './access/rules.ts'
export { parseScopes, scopeText } from './access/scopes.ts'
export { sessionsIn } from './access/sessions.ts'
export type {
  BlobPushOutcome,
  BlobSource,
  Credential,
  Credentials,
  ManifestToPush,
  PulledManifest,
  RegistryClient,
  RegistryClientOptions,
  RetryPolicy,
  Traffic,
} from './client/contract.ts'
export { assembled, assemblyHeaders, assemblyType } from './assembly.ts'
export { registryClient } from './client/client.ts'
export { tlsHints } from './client/transport.ts'
export { credentialFiles, dockerCredentials, type DockerCredentialsOptions } from './credentials.ts'
export { type Layout, openLayout, type TaggedDescriptor } from './layout.ts'
export {
  bareMediaType,
  emptyBlob,
  isForeignLayer,
  isIndexType,
  isManifestType,
  manifestTypes,
  mediaTypes,
} from './media-types.ts'
export {
  formatReference,
  isLoopback,
  isRepositoryName,
  isTag,
  parseReference,
  type Reference,
  referrersTag,
  type RepositoryRef,
} from './reference.ts'
export type {
  ManifestPut,
  ManifestReceipt,
  MountRequest,
  Page,
  PageRequest,
  Registry,
  StoredBlob,
  StoredManifest,
} from './registry/contract.ts'
export { type Database, type DatabasePlace, openDatabase } from './registry/database.ts'
export { checkIsThere, isThere, servicePlace } from './registry/storage.ts'
export type { OpenRegistryOptions } from './registry/options.ts'
export { openRegistry } from './registry/registry.ts'
export { migrateStorage, openUpkeep, type OpenUpkeep } from './registry/upkeep.ts'
export type {
  CheckReport,
  CollectReport,
  Damage,
  RecycledItem,
  RestoreReport,
  RetainReport,
  UsageReport,
} from './registry/upkeep/contract.ts'
export type { MigrateProgress, MigrateReport } from './registry/upkeep/migrate.ts'
export type { RetentionRule } from './registry/upkeep/retention-rules.ts'
export {
  childrenOf,
  Descriptor,
  ImageConfig,
  Index,
  Manifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
  type ParsedManifest,
  subjectOf,
} from './schema.ts'
export type {
  CacheOutcome,
  PulledName,
  PullThrough,
  PullThroughOptions,
  Served,
  Upstream,
  UpstreamState,
} from './proxy/contract.ts'
export { AskLater } from './proxy/failures.ts'
export { pullThrough } from './proxy/proxy.ts'
export type { Place } from './places.ts'
export {
  type TrafficField,
  trafficFields,
  type TrafficKind,
  type TrafficLog,
  type TrafficOutcome,
} from './traffic/contract.ts'
export type {
  SyncDifference,
  SyncFailure,
  SyncList,
  SyncReport,
  SyncStep,
} from './sync/contract.ts'
export { localClient } from './sync/local-client.ts'
export { runSync, syncDifference } from './sync/sync.ts'
export { syncMigrations } from './sync/tables.ts'
export { openTraffic } from './traffic/traffic.ts'
export { transfer, type TransferOptions, type TransferReport } from './transfer.ts'
