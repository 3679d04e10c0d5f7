/**
 * The application: every use case over one opened world.
 *
 * Invariant: opening loads nothing. A use case loads what it stands on when it is called, so that a
 * small command starts fast.
 */
import type { AppContext } from './context.ts'
import type { App } from './contract.ts'
import type { World } from './world.ts'

/** Builds the application over its context; does no work yet. */
export function openApp(context: AppContext): App {
  let opened: World | undefined
  const world = async () => (opened ??= (await import('./world.ts')).openWorld(context))
  const project = async () => (await import('./project.ts')).openProject(context)
  return {
    init: async (options) => (await import('./edit.ts')).initProject(context, options),
    add: async (options) => (await import('./edit.ts')).addPackages(await world(), options),
    remove: async (options) => (await import('./edit.ts')).removePackages(await world(), options),
    lock: async (options) => {
      const { lockEnvironment, lockOptions, lockResult } = await import('./lock.ts')
      const at = await project()
      const { update = [], choose = {} } = options
      const wanted = { ...lockOptions(options), update, choose, elsewhere: true }
      return lockResult(at, wanted, await lockEnvironment(await world(), at, wanted))
    },
    lockAll: async (options) =>
      (await import('./lock-all.ts')).lockAll(await world(), await project(), options),
    build: async (options) =>
      (await import('./build.ts')).buildEnvironment(await world(), await project(), options),
    prepareRun: async (options) =>
      (await import('./launch.ts')).launchRun(await world(), await project(), options),
    prepareShell: async (options) =>
      (await import('./launch.ts')).launchShell(await world(), await project(), options),
    prepareDebug: async ({ build }) =>
      (await import('./launch.ts')).launchDebug(await world(), build),
    install: async (options) =>
      (await import('./install.ts')).installEnvironment(await world(), await project(), options),
    view: async (options) =>
      (await import('./install.ts')).viewEnvironment(await world(), await project(), options),
    tree: async (options) =>
      (await import('./inspect.ts')).packageTree(await world(), await project(), options),
    list: async (options) =>
      (await import('./inspect.ts')).listPackages(await world(), await project(), options),
    info: async (options) =>
      (await import('./inspect.ts')).packageInfo(await world(), await project(), options),
    why: async (options) =>
      (await import('./inspect.ts')).whyPackage(await world(), await project(), options),
    whyNot: async (options) =>
      (await import('./why-not.ts')).whyNot(await world(), await project(), options),
    diff: async (options) => {
      const { openProject } = await import('./project.ts')
      const { diffLocks } = await import('./diff.ts')
      return diffLocks(context, () => openProject(context), options)
    },
    graph: async ({ rez, requests, ...choice }) => {
      const { graphOfEnvironment, graphOfRequest } = await import('./draw.ts')
      if (rez !== undefined) return graphOfRequest(context, rez, requests)
      return graphOfEnvironment(await world(), await project(), { ...choice, requests })
    },
    doctor: async () => (await import('./upkeep.ts')).doctor(await world()),
    gc: async (options) => (await import('./upkeep.ts')).collectGarbage(await world(), options),
    clean: async (options) => (await import('./upkeep.ts')).cleanHome(await world(), options),
    storeVerify: async (options) => (await import('./upkeep.ts')).verify(await world(), options),
    publish: async (options) =>
      (await import('./publish.ts')).publishEnvironment(await world(), await project(), options),
    catalogRebuild: async ({ reference }) =>
      (await import('./publish.ts')).rebuildCatalog(await world(), reference),
    imageBuild: async (options) =>
      (await import('./image.ts')).buildImage(await world(), await project(), options),
    registrySync: async (options) =>
      (await import('./registry-sync.ts')).registrySync(await world(), options),
    registryStats: async (options) =>
      (await import('./registry-stats.ts')).registryStats(await world(), options),
    copy: async (options) => (await import('./image.ts')).copyImage(await world(), options),
    ...rezCases(context),
  }
}

type RezCase =
  | 'solveRez'
  | 'prepareRezRun'
  | 'prepareRezShell'
  | 'describeRez'
  | 'importRez'
  | 'whyRez'
  | 'whyNotRez'

/** What is done in Rez repositories; none of it opens a project. */
function rezCases(context: AppContext): Pick<App, RezCase> {
  return {
    whyRez: async (options) => (await import('./why-rez.ts')).whyInRez(context, options),
    whyNotRez: async (options) => (await import('./why-not.ts')).whyNotInRez(context, options),
    solveRez: async (options) => (await import('./solve-rez.ts')).solveInRez(context, options),
    prepareRezRun: async (options) => (await import('./run-rez.ts')).launchRez(context, options),
    prepareRezShell: async (options) =>
      (await import('./run-rez.ts')).launchRezShell(context, options),
    describeRez: async (options) => (await import('./run-rez.ts')).describeRez(context, options),
    importRez: async (options) => (await import('./solve-rez.ts')).importRez(context, options),
  }
}
