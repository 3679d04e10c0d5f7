/**
 * The lists under `sync:` of registry.yaml, made ready to run, and one run of them by hand.
 *
 * Not here: what a run does (`#oci`), when a server runs one (`#server`).
 */
import { AppError, type Clock, type Emit } from '#kernel/index.ts'
import { didYouMean, type RegistryConfig, secretIn } from '#model/index.ts'
import {
  type Credentials,
  isLoopback,
  registryClient,
  type RegistryClient,
  type RepositoryRef,
  runSync,
  type SyncDifference,
  syncDifference,
  type SyncList,
  type SyncReport,
} from '#oci/index.ts'
import type { World } from './world.ts'

type Section = NonNullable<RegistryConfig['sync']>
type ListConfig = Section[string]

export interface SyncSurroundings {
  /** What files with passwords are relative to. */
  readonly folder: string
  /** What repositories without a host are on. */
  readonly own: { readonly registry: string; readonly client: RegistryClient }
  /** Of hosts for which a list has no account. */
  readonly credentials: Credentials
  readonly clock: Clock
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** @throws AppError `model/bad-file` for a password that is not there */
export function syncListsOf(section: Section, around: SyncSurroundings): readonly SyncList[] {
  return Object.entries(section).map(([name, list]) => {
    const [from, to] = [sideOf(list.from, around), sideOf(list.to, around)]
    const below = list.repositories.length > 0 ? list.repositories : [undefined]
    return {
      name,
      pairs: below.map((one) => ({ from: within(from, one), to: within(to, one) })),
      tags: {
        globs: list.tags,
        semver: list.semver,
        regex: list.regex,
        except: list.except,
        newest: list.newest,
      },
      platforms: list.platforms,
      referrers: list.referrers,
      delete: list.delete,
      fromClient: clientOf(from, list, { account: list['from-account'], around }),
      toClient: clientOf(to, list, { account: list['to-account'], around }),
    }
  })
}

export interface RegistrySyncOptions {
  readonly section: Section
  readonly folder: string
  /** Host and port of the server that repositories without a host are on. */
  readonly server: string
  /** Lists to run; none: all. */
  readonly names: readonly string[]
  readonly dryRun: boolean
}

export type RegistrySyncResult =
  | { readonly dryRun: true; readonly lists: readonly SyncDifference[] }
  | { readonly dryRun: false; readonly lists: readonly SyncReport[] }

/** Runs lists once, or says what that would do. @throws AppError `cli/usage` for an unknown name */
export async function registrySync(
  { context, client, credentials }: World,
  { section, folder, server, names, dryRun }: RegistrySyncOptions,
): Promise<RegistrySyncResult> {
  const { clock, emit, signal } = context
  const unknown = names.find((name) => !Object.hasOwn(section, name))
  if (unknown !== undefined) throw noSuchList(unknown, Object.keys(section))
  const own = { registry: server, client }
  const all = syncListsOf(section, { folder, own, credentials, clock, emit, signal })
  const lists = all.filter(({ name }) => names.length === 0 || names.includes(name))
  if (dryRun) {
    const differences: SyncDifference[] = []
    for (const list of lists) differences.push(await syncDifference(list, { emit, signal }))
    return { dryRun, lists: differences }
  }
  const reports: SyncReport[] = []
  for (const list of lists) reports.push(await runSync(list, { emit, signal }))
  return { dryRun, lists: reports }
}

interface Side extends RepositoryRef {
  readonly isOwn: boolean
}

function sideOf(place: string, { own }: SyncSurroundings): Side {
  const slash = place.includes('/') ? place.indexOf('/') : place.length
  const first = place.slice(0, slash)
  if (!/[.:]/.test(first) && first !== 'localhost')
    return { registry: own.registry, repository: place, isOwn: true }
  return { registry: first, repository: place.slice(slash + 1), isOwn: false }
}

function within({ registry, repository }: Side, name: string | undefined): RepositoryRef {
  const parts = [repository, name].filter((part) => part !== undefined && part !== '')
  return { registry, repository: parts.join('/') }
}

function clientOf(
  side: Side,
  list: ListConfig,
  {
    account,
    around,
  }: { readonly account: ListConfig['to-account']; readonly around: SyncSurroundings },
): RegistryClient {
  const { folder, own, credentials, clock, emit, signal } = around
  if (side.isOwn && account === undefined) return own.client
  const plain = list['plain-http']
  const credential =
    account === undefined
      ? undefined
      : ({
          kind: 'password',
          username: account.username,
          password: secretIn(account['password-file'], folder),
        } as const)
  return registryClient({
    clock,
    emit,
    signal,
    plainHttp: (host) => plain.includes(host) || isLoopback(host),
    credentials: async (registry) =>
      registry === side.registry && credential !== undefined
        ? credential
        : await credentials(registry),
  })
}

function noSuchList(name: string, known: readonly string[]): AppError {
  const near = didYouMean(name, known)
  return new AppError('cli/usage', `There is no list '${name}' under sync`, {
    hints: [near === undefined ? `There are: ${known.join(', ')}.` : `Did you mean '${near}'?`],
  })
}
