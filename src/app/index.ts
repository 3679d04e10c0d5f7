/**
 * Use cases: data in, data out, dependencies as arguments. One function for each thing that a
 * person does with Backlot; the CLI and the server call them and print what they give.
 *
 * Not here: text for people, argv, HTTP.
 */
export { openApp } from './app.ts'
export type { AppContext } from './context.ts'
export type { App } from './contract.ts'
export type { Account as RegistryAccount, AuditRecord, AuditVerdict } from '#oci/index.ts'
export type {
  CheckReport,
  Damage,
  MigrateReport,
  RecycledItem,
  RestoreReport,
  UsageReport,
} from '#oci/index.ts'
export type { RegistryStats } from './registry-stats.ts'
export {
  type RegistrySyncResult,
  syncListsOf,
} from './registry-sync.ts'
export { openRegistryAdmin, type RegistryAdmin } from './registry-admin.ts'
export {
  migrateRegistryTo,
  openRegistryUpkeep,
  type RegistryStorage,
  type RegistryUpkeep,
  type TidyReport,
} from './registry-upkeep.ts'
export type * from './results.ts'
