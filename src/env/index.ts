/**
 * Environments as processes: host facts, system packages, activation, shells, moved views, doctor.
 *
 * Invariant: entering an environment changes nothing on disk, and leaves nothing to clean up.
 * Not here: which builds an environment holds (`#model`, `#solver`) and how a view is linked
 * (`#store`); this room is handed a folder.
 */
export {
  type Activation,
  activate,
  type ActivateOptions,
  type ActivationMode,
} from './activation.ts'
export { type Check, type DoctorOptions, runDoctor } from './doctor.ts'
export { type Distribution, installLine, readDistribution } from './distribution.ts'
export { detectHost, type HostOptions } from './host.ts'
export { type InstallOptions, type InstallReport, installView, uninstall } from './install.ts'
export { movedView, type MovedView, type MovedViewOptions } from './moved-view.ts'
export { type NamespaceSupport, probeNamespaces } from './namespaces.ts'
export { relocate, type RelocateOptions, type RelocateReport } from './relocate.ts'
export { parseShell, type Shell, shellCommand, type ShellOptions } from './shell.ts'
export { detectSystem, type SystemOptions, type SystemResult } from './system.ts'
