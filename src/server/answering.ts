/**
 * What answers at this moment: accounts, rules, lists and upkeep, as a configuration has them.
 *
 * Invariant: a new configuration replaces all of it at once, or nothing. What was being answered
 * by the old is finished by the old, which is closed then.
 * Not here: storage, upstreams and the listener, which stay as long as the server (`serve.ts`).
 */
import type { Clock, Emit } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'
import {
  type DatabasePlace,
  localClient,
  type NamespaceRules,
  type PullThrough,
  type Registry,
  ruled,
  type TrafficLog,
} from '#oci/index.ts'
import { type RegistryApp, registryApp } from './app.ts'
import { openAuthority } from './authority.ts'
import type { CrowdLimits } from './crowd.ts'
import { outsideOf } from './forwarded.ts'
import type { Meter } from './meter.ts'
import { openSyncRunner, type SyncRunner } from './sync-runner.ts'
import { keepTidy } from './upkeep.ts'

/** What stays when the configuration changes. */
export interface Ground {
  readonly registry: Registry
  readonly accounts: DatabasePlace
  readonly traffic: TrafficLog
  readonly proxy: PullThrough | undefined
  readonly meter: Meter
  readonly clock: Clock
  readonly emit: Emit
  /** The URL of the listener. */
  readonly own: string
  /** What paths in the configuration are relative to. */
  readonly folder: string
}

export interface Answering extends RegistryApp {
  runDueLists(): Promise<void>
  /** Takes another configuration from the next request on. @throws AppError, and the old stays */
  replace(config: RegistryConfig): Promise<void>
  close(): Promise<void>
}

interface Parts {
  readonly app: RegistryApp
  readonly sync: SyncRunner | undefined
  close(): Promise<void>
}

/** @throws AppError of what cannot be opened */
export async function answeringBy(config: RegistryConfig, ground: Ground): Promise<Answering> {
  let current = counted(await openParts(config, ground))
  const retired = new Set<Promise<void>>()
  return {
    fetch: async (request, connection) => await current.fetch(request, connection),
    runDueLists: async () => await current.parts.sync?.look(),
    replace: async (next) => {
      const before = current
      current = counted(await openParts(next, ground))
      const retiring = before.drained().then(() => before.parts.close())
      retired.add(retiring)
      const gone = () => void retired.delete(retiring)
      retiring.then(gone, gone)
    },
    close: async () => {
      await current.parts.close()
      await Promise.allSettled(retired)
    },
  }
}

/** Parts, and how many requests they are answering. */
function counted(parts: Parts) {
  let pending = 0
  let idle: (() => void) | undefined
  return {
    parts,
    fetch: async (...asked: Parameters<RegistryApp['fetch']>): Promise<Response> => {
      pending += 1
      try {
        return await parts.app.fetch(...asked)
      } finally {
        pending -= 1
        if (pending === 0) idle?.()
      }
    },
    /** Fulfilled when nothing is being answered; nothing new may come. */
    drained: () =>
      new Promise<void>((resolve) => {
        if (pending === 0) resolve()
        else idle = resolve
      }),
  }
}

async function openParts(config: RegistryConfig, ground: Ground): Promise<Parts> {
  const { registry, accounts, traffic, proxy, meter, clock, emit, own, folder } = ground
  // What is opened later is closed earlier.
  await using opening = new AsyncDisposableStack()
  const authority = await openAuthority({
    accounts,
    shared: registry.database,
    config,
    folder,
    clock,
    emit,
  })
  opening.defer(() => authority.close())
  const rules = ruled(registry, rulesOf(config), clock)
  const sync =
    config.sync === undefined
      ? undefined
      : await openSyncRunner({
          section: config.sync,
          folder,
          client: localClient(rules),
          proxy,
          database: registry.database,
          clock,
          emit,
        })
  opening.defer(async () => await sync?.close())
  const app = registryApp(rules, {
    outside: outsideOf({ ...config.listen, own }),
    clock,
    limits: crowdLimits(config.limits),
    emit,
    traffic,
    meter,
    ...(sync === undefined ? {} : { sync }),
    ...(proxy === undefined ? {} : { proxy }),
    ...authority,
  })
  opening.use(keepTidy(registry, config.retention, emit))
  const opened = opening.move()
  return { app, sync, close: async () => await opened.disposeAsync() }
}

function rulesOf({ namespaces = {} }: RegistryConfig): NamespaceRules {
  return Object.fromEntries(
    Object.entries(namespaces).map(([name, rule]) => [
      name,
      {
        immutableTags: rule['immutable-tags'],
        bytesMax: rule.size,
        tagsMax: rule.tags,
        sparse: rule.sparse,
      },
    ]),
  )
}

function crowdLimits(limits: RegistryConfig['limits']): CrowdLimits {
  return {
    requests: limits?.requests ?? 10_000,
    writesPerAccount: limits?.['writes-per-account'] ?? 512,
    writesPerAddress: limits?.['writes-per-address'] ?? 512,
  }
}
