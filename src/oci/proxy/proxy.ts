/**
 * The pull-through cache: names of other registries, and how what they name comes here.
 *
 * Invariant: what an upstream gave through one repository is served through another only when the
 * upstream says that it has it there, too. That a manifest names it is no proof: anybody may push
 * one to a registry that many share.
 */
import { AppError, type Clock, type Digest, type Emit, silent, systemClock } from '#kernel/index.ts'
import { namePattern } from '../access/pattern.ts'
import { isRepositoryName } from '../reference.ts'
import type { Registry, StoredBlob } from '../registry/contract.ts'
import { systemAddresses } from './addresses.ts'
import type { Arrival } from './arrival.ts'
import { type Arrivals, openArrivals } from './arrivals.ts'
import type {
  PulledBlob,
  PulledName,
  PullThrough,
  PullThroughOptions,
  Served,
  Upstream,
  UpstreamState,
} from './contract.ts'
import { blobUnknown, failed, saysAbsent } from './failures.ts'
import { pulledLists } from './lists.ts'
import { type PulledManifests, pulledManifests } from './manifests.ts'
import { openPatience } from './patience.ts'
import { recent, type Recent, singleFlight } from './recent.ts'
import { openSources, splitBase, type Sources } from './sources.ts'

const absentMax = 10_000

interface Context {
  readonly registry: Registry
  readonly clock: Clock
  readonly blobBytesMax: number
  readonly heard: NonNullable<PullThroughOptions['heard']>
  readonly arrivals: Arrivals
  readonly manifests: PulledManifests
  readonly absent: Recent<true>
  readonly flight: <T>(key: string, work: () => Promise<T>) => Promise<T>
  readonly sourcesOf: (name: PulledName) => Sources
}

/** A cache of `upstreams` in `registry`, whose folder also holds what is on its way. */
export function pullThrough(options: PullThroughOptions): PullThrough {
  const { registry, upstreams, clock = systemClock, emit = silent } = options
  const { firstDelayMs = 300, blobBytesMax = 256 * 1024 ** 3, idleTimeoutMs } = options
  const { addresses = systemAddresses, heard = () => undefined, patienceMs = 5000 } = options
  const shared = { clock, emit: quiet(emit), addresses, heard, idleTimeoutMs }
  const ways = new Map(
    upstreams.map((upstream) => [upstream, openSources({ ...shared, upstream })]),
  )
  const sourcesOf = ({ upstream }: PulledName): Sources => {
    const found = ways.get(upstream)
    if (found === undefined) throw new TypeError(`No sources for '${upstream.prefix}'`)
    return found
  }
  const patience = openPatience(clock, patienceMs)
  const manifests = pulledManifests({ registry, clock, sourcesOf, patience })
  const lists = pulledLists({ registry, clock, sourcesOf })
  const context: Context = {
    registry,
    clock,
    blobBytesMax,
    heard,
    arrivals: openArrivals({ registry, firstDelayMs, emit }),
    manifests,
    absent: recent(clock, absentMax),
    flight: singleFlight(),
    sourcesOf,
  }
  return {
    ...namesOf(upstreams),
    manifest: manifests.manifest,
    describe: manifests.describe,
    blob: (name, digest) => pullBlob(context, name, digest),
    blobSize: (name, digest) => sizeOfBlob(context, name, digest),
    tags: lists.tags,
    referrers: lists.referrers,
    state: () =>
      upstreams.map((upstream) => stateOf(upstream, ways.get(upstream), context.arrivals)),
    close: () => context.arrivals.close(),
  }
}

/** Progress of single requests is nothing that an operator wants to read. */
function quiet(emit: Emit): Emit {
  return (event) => {
    if (event.kind === 'warning') emit(event)
  }
}

function namesOf(upstreams: readonly Upstream[]): Pick<PullThrough, 'find' | 'findIn'> {
  const open = upstreams.flatMap((upstream) =>
    upstream.unprefixed.map((pattern) => ({ upstream, matches: namePattern(pattern) })),
  )
  const named = (upstream: Upstream | undefined, name: string): PulledName | undefined => {
    if (upstream === undefined) return undefined
    // As docker has it: `debian` is `library/debian` at Docker Hub, and so at what stands for it.
    const isHub = [upstream.prefix, upstream.registry].includes('docker.io')
    const remote = isHub && !name.includes('/') ? `library/${name}` : name
    const local = `${upstream.prefix}/${remote}`
    return isRepositoryName(remote) && isRepositoryName(local)
      ? { upstream, local, remote }
      : undefined
  }
  return {
    find: (name) => {
      const upstream = upstreams.find(
        ({ prefix }) => name.startsWith(prefix) && name[prefix.length] === '/',
      )
      if (upstream !== undefined) return named(upstream, name.slice(upstream.prefix.length + 1))
      return named(open.find(({ matches }) => matches(name))?.upstream, name)
    },
    findIn: (namespace, name) => {
      for (const upstream of upstreams) {
        const shown = nameIn(upstream, namespace, name)
        if (shown !== undefined) return named(upstream, shown)
      }
      return undefined
    },
  }
}

/**
 * What of an upstream a client means who asks `namespace` for `name`; undefined when it is not of
 * this one. The upstream's own host has more than the part of it that is shown.
 */
function nameIn(upstream: Upstream, namespace: string, name: string): string | undefined {
  if (!upstream.namespaces.includes(namespace)) return undefined
  const { registry, path } = splitBase(upstream.registry)
  if (path === '' || namespace !== registry) return name
  return name.startsWith(`${path}/`) ? name.slice(path.length + 1) : undefined
}

async function pullBlob(
  context: Context,
  name: PulledName,
  digest: Digest,
): Promise<Served<PulledBlob>> {
  const { registry, arrivals } = context
  const stored = await registry.blob(name.local, digest)
  if (stored !== undefined) return { value: { kind: 'stored', blob: stored }, outcome: 'hit' }
  const wanted = { upstream: name.upstream.prefix, local: name.local, digest }
  const outcome = arrivals.get(wanted) === undefined ? 'miss' : 'joined'
  try {
    const key = `blob ${name.local} ${digest}`
    const found = await context.flight(key, () => foundBlob(context, name, digest))
    if (!('read' in found)) return { value: { kind: 'stored', blob: found }, outcome: 'hit' }
    // Who is refused at the beginning is told why; later it can only be a broken transfer.
    found.start()
    const failure = await found.begun
    if (failure !== undefined) throw failure
    const { sizeBytes, read } = found
    return { value: { kind: 'arriving', sizeBytes, read }, outcome }
  } catch (error) {
    throw toldOfBlob(context, name, digest, error)
  }
}

/** The blob that another repository brought, the download that goes on, or a new one. */
async function foundBlob(
  context: Context,
  name: PulledName,
  digest: Digest,
): Promise<StoredBlob | Arrival> {
  const { registry, arrivals } = context
  const { prefix } = name.upstream
  const wanted = { upstream: prefix, local: name.local, digest }
  const own = arrivals.own(wanted)
  if (own !== undefined) return own
  const isElsewhere = arrivals.get(wanted) !== undefined || (await registry.holds(prefix, digest))
  const sizeOf = isElsewhere ? askedSize : knownSize
  const sizeBytes = await sizeOf(context, name, digest)
  const shared = isElsewhere ? await sharedBlob(context, name, digest, sizeBytes) : undefined
  if (shared !== undefined) return shared
  const going = arrivals.get(wanted)
  if (going === undefined) return openBlob(context, name, { digest, sizeBytes })
  // One that began in the meantime is another repository's, so the upstream has to be asked.
  if (!isElsewhere) return await foundBlob(context, name, digest)
  arrivals.join(wanted)
  return going
}

/** A blob that came through another repository of the upstream; the caller knows it is in both. */
async function sharedBlob(
  { registry }: Context,
  { local, upstream }: PulledName,
  digest: Digest,
  sizeBytes: number,
): Promise<StoredBlob | undefined> {
  const mayRead = (repository: string) => repository.startsWith(`${upstream.prefix}/`)
  const found = await registry.mount(local, { digest, mayRead })
  return found?.sizeBytes === sizeBytes ? found : undefined
}

function openBlob(
  context: Context,
  name: PulledName,
  blob: { readonly digest: Digest; readonly sizeBytes: number },
): Arrival {
  const { digest, sizeBytes } = blob
  const { blobBytesMax, heard } = context
  const upstream = name.upstream.prefix
  if (sizeBytes > blobBytesMax)
    throw new AppError(
      'kernel/too-large',
      `${name.local} has a blob of ${sizeBytes} bytes, at most ${blobBytesMax} are taken`,
    )
  return context.arrivals.open(
    { upstream, local: name.local, digest },
    {
      sizeBytes,
      fetch: async function* (start, failures, signal) {
        const ways = context.sourcesOf(name)
        await ways.ready('other', signal)
        const sources = ways.order('other')
        const source = sources[failures % sources.length]
        if (source === undefined) return
        // Who writes the bytes hashes them, as they may come from several sources.
        const range = { start, end: sizeBytes }
        const from = source.repository(name.remote)
        const chunks = source.client.pullBlob(from, { digest, size: sizeBytes }, { range, signal })
        for await (const chunk of chunks) {
          heard({ upstream, method: 'GET', status: 200, bytes: chunk.byteLength })
          yield chunk
        }
      },
    },
  )
}

/** The size by the manifest that named it, else by HEAD. @throws AppError `oci/blob-unknown` */
async function knownSize(context: Context, name: PulledName, digest: Digest): Promise<number> {
  return context.manifests.announced(name, digest) ?? (await askedSize(context, name, digest))
}

/** The size that the upstream tells of the repository's blob. @throws AppError `oci/blob-unknown` */
async function askedSize(context: Context, name: PulledName, digest: Digest): Promise<number> {
  const key = `${name.local} ${digest}`
  const absent = context.absent.get(key)
  if (absent !== undefined && absent.ageMs < name.upstream.absentMs) throw blobUnknown(name, digest)
  const size = await context
    .sourcesOf(name)
    .ask('other', ({ client, repository }) => client.blobSize(repository(name.remote), digest))
  if (size === undefined) throw blobUnknown(name, digest)
  return size
}

async function sizeOfBlob(
  context: Context,
  name: PulledName,
  digest: Digest,
): Promise<Served<number>> {
  const stored = await context.registry.blob(name.local, digest)
  if (stored !== undefined) return { value: stored.sizeBytes, outcome: 'hit' }
  try {
    const key = `size ${name.local} ${digest}`
    const value = await context.flight(key, () => knownSize(context, name, digest))
    return { value, outcome: 'miss' }
  } catch (error) {
    throw toldOfBlob(context, name, digest, error)
  }
}

function toldOfBlob(context: Context, name: PulledName, digest: Digest, error: unknown): unknown {
  if (!saysAbsent(error)) return failed(name, error)
  context.absent.set(`${name.local} ${digest}`, true)
  return blobUnknown(name, digest)
}

function stateOf(
  upstream: Upstream,
  sources: Sources | undefined,
  arrivals: Arrivals,
): UpstreamState {
  const state = sources?.state() ?? []
  const main = state.filter(({ mirror }) => !mirror)
  const waiting = main.every(
    ({ blockedUntilMs, remaining }) => blockedUntilMs !== undefined || remaining === 0,
  )
  const condition = waiting
    ? 'waiting'
    : main.every(({ lastFailure }) => lastFailure !== undefined)
      ? 'failing'
      : sources?.scarce() === true
        ? 'sparing'
        : 'good'
  return {
    prefix: upstream.prefix,
    registry: upstream.registry,
    condition,
    sources: state,
    arriving: arrivals.count(upstream.prefix),
  }
}
