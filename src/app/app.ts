/**
 * The application: every use case over one opened world.
 *
 * Rooms are loaded when a use case first needs them, so that a small command starts fast.
 */
import type { AppContext } from './context.ts'
import type { App } from './contract.ts'
import { initProject, addPackages, removePackages } from './edit.ts'
import { diffLocks, listPackages, packageInfo, packageTree, whyPackage } from './inspect.ts'
import { lockEnvironment, lockOptions, lockResult } from './lock.ts'
import { openProject } from './project.ts'
import { openWorld } from './world.ts'

/** Builds the application over its context; does no work yet. */
export function openApp(context: AppContext): App {
  const world = openWorld(context)
  const project = () => openProject(context)
  return {
    init: async (options) => initProject(context, options),
    add: (options) => addPackages(world, options),
    remove: (options) => removePackages(world, options),
    lock: async (options) => {
      const at = project()
      const wanted = { ...lockOptions(options), update: options.update ?? [] }
      return lockResult(at, wanted, await lockEnvironment(world, at, wanted))
    },
    build: async (options) =>
      (await import('./build.ts')).buildEnvironment(world, project(), options),
    prepareRun: async (options) =>
      (await import('./launch.ts')).launchRun(world, project(), options),
    prepareShell: async (options) =>
      (await import('./launch.ts')).launchShell(world, project(), options),
    prepareDebug: async ({ build }) => (await import('./launch.ts')).launchDebug(world, build),
    install: async (options) =>
      (await import('./install.ts')).installEnvironment(world, project(), options),
    view: async (options) =>
      (await import('./install.ts')).viewEnvironment(world, project(), options),
    tree: (options) => packageTree(world, project(), options),
    list: (options) => listPackages(world, project(), options),
    info: (options) => packageInfo(world, project(), options),
    why: (options) => whyPackage(world, project(), options),
    diff: async (options) => diffLocks(world, project(), options),
    doctor: async () => (await import('./upkeep.ts')).doctor(world),
    gc: async (options) => (await import('./upkeep.ts')).collectGarbage(world, options),
    clean: async (options) => (await import('./upkeep.ts')).cleanHome(world, options),
    storeVerify: async (options) => (await import('./upkeep.ts')).verify(world, options),
    publish: async (options) =>
      (await import('./publish.ts')).publishEnvironment(world, project(), options),
    catalogRebuild: async ({ reference }) =>
      (await import('./publish.ts')).rebuildCatalog(world, reference),
    imageBuild: async (options) =>
      (await import('./image.ts')).buildImage(world, project(), options),
    solveRez: async (options) => (await import('./solve-rez.ts')).solveInRez(context, options),
    importRez: async (options) => (await import('./solve-rez.ts')).importRez(context, options),
    copy: async (options) => (await import('./image.ts')).copyImage(world, options),
  }
}
