/**
 * What a pull-through cache does, apart from HTTP, and what it is told about other registries.
 *
 * Invariant: content that leaves it has the digest it was asked for; what an upstream sent becomes
 * a blob or a manifest of the registry only after it hashed to its name.
 */
import type { Clock, Digest, Emit } from '#kernel/index.ts'
import type { Credential } from '../client/contract.ts'
import type {
  Page,
  PageRequest,
  Registry,
  StoredBlob,
  StoredManifest,
} from '../registry/contract.ts'
import type { Descriptor } from '../schema.ts'
import type { Addresses } from './addresses.ts'

/** One log-in at an upstream, with the name that stands for it in statistics. */
export interface UpstreamAccount {
  readonly name: string
  readonly credential: Credential
}

/** Another registry, and how it is shown here. */
export interface Upstream {
  /** Repositories of it are `PREFIX/NAME` here. */
  readonly prefix: string
  /** Host, and port if there is one; more parts are put before each repository's name. */
  readonly registry: string
  /** Values of `?ns=` that mean it. */
  readonly namespaces: readonly string[]
  /** None: it is asked as nobody. */
  readonly accounts: readonly UpstreamAccount[]
  /** Others with the same content, `HOST[/PATH]`: asked when it fails or its quota is used up. */
  readonly mirrors: readonly string[]
  /** Hosts (with their ports) that may lie at private addresses. */
  readonly privateHosts: readonly string[]
  /** Hosts that are spoken to without TLS. */
  readonly plainHosts: readonly string[]
  /** Hosts of token services, besides its own, that may see the credentials. */
  readonly tokenHosts: readonly string[]
  /** Names that are its without a prefix, as patterns (Docker's `registry-mirrors`). */
  readonly unprefixed: readonly string[]
  /** A tag is not asked for again within this time. */
  readonly freshMs: number
  /** What was not there is not asked for again within this time. */
  readonly absentMs: number
  /** At this part of the limit and below, tags that are here are not fetched anew. */
  readonly spareBelow: number
  /** A client waits at most this long for an upstream that wants to be left alone. */
  readonly waitMsMax: number
}

export interface PullThroughOptions {
  readonly registry: Registry
  readonly upstreams: readonly Upstream[]
  readonly blobBytesMax?: number
  readonly clock?: Clock
  readonly emit?: Emit
  readonly addresses?: Addresses
  /** Hears of each answer of an upstream. */
  readonly heard?: (event: UpstreamEvent) => void
  /** The first wait before a broken download is taken up again; default 300 ms. */
  readonly firstDelayMs?: number
  /** A connection without a byte for this long is given up; default 60 s. */
  readonly idleTimeoutMs?: number
  /** A client waits so long for news of a tag that is here; default 5 s. */
  readonly patienceMs?: number
}

export interface UpstreamEvent {
  readonly upstream: string
  readonly method: string
  /** 0 when there was no answer. */
  readonly status: number
  readonly bytes: number
}

/**
 * `hit`: from here, without a question. `revalidated`: from here, after one that cost nothing.
 * `miss`: fetched for this request. `joined`: fetched for another one at this moment.
 * `stale`: from here, although it may have changed; `warning` says why.
 */
export type CacheOutcome = 'hit' | 'revalidated' | 'miss' | 'joined' | 'stale'

export interface Served<T> {
  readonly value: T
  readonly outcome: CacheOutcome
  /** Since it was last known to be what the upstream has; absent where that never changes. */
  readonly ageMs?: number
  readonly warning?: string
}

/** A blob: whole, here; or on its way, readable as far as it came. */
export type PulledBlob =
  | { readonly kind: 'stored'; readonly blob: StoredBlob }
  | {
      readonly kind: 'arriving'
      readonly sizeBytes: number
      /**
       * Bytes from `start` up to `end`. One that reaches the blob's end breaks off before it
       * when the whole does not have its digest.
       */
      read(range: { readonly start: number; readonly end: number }): ReadableStream<Uint8Array>
    }

/** What is known of one way to an upstream: a host, with the path that is shown, and an account. */
export interface SourceState {
  readonly registry: string
  readonly account: string | undefined
  readonly mirror: boolean
  /** Pulls in a window, where it tells; no limit where it does not. */
  readonly limit: number | undefined
  readonly remaining: number | undefined
  readonly windowSeconds: number | undefined
  /** Whom it counts: an address or an account. */
  readonly countedBy: string | undefined
  readonly seenMs: number | undefined
  /** It asked to be left alone until then. */
  readonly blockedUntilMs: number | undefined
  readonly lastFailure: string | undefined
}

export interface UpstreamState {
  readonly prefix: string
  readonly registry: string
  /** `sparing`: close to the limit. `waiting`: over it, or asked to wait. */
  readonly condition: 'good' | 'sparing' | 'waiting' | 'failing'
  readonly sources: readonly SourceState[]
  readonly arriving: number
}

/** A repository of an upstream, as it is known here and there. */
export interface PulledName {
  readonly upstream: Upstream
  /** `PREFIX/NAME` */
  readonly local: string
  readonly remote: string
}

export interface PullThrough {
  /** By prefix, or as a name that needs none; undefined when the name is no upstream's. */
  find(name: string): PulledName | undefined
  /** By `?ns=`. */
  findIn(namespace: string, name: string): PulledName | undefined
  /** @throws AppError `oci/manifest-unknown`, `oci/upstream-failed`, or `AskLater` */
  manifest(name: PulledName, reference: string): Promise<Served<StoredManifest>>
  /** What HEAD tells; costs no quota. */
  describe(name: PulledName, reference: string): Promise<Served<Descriptor>>
  /** @throws AppError `oci/blob-unknown`, `oci/upstream-failed`, or `AskLater` */
  blob(name: PulledName, digest: Digest): Promise<Served<PulledBlob>>
  blobSize(name: PulledName, digest: Digest): Promise<Served<number>>
  tags(name: PulledName, page: PageRequest): Promise<Served<Page<string>>>
  referrers(
    name: PulledName,
    subject: Digest,
    page: PageRequest & { readonly artifactType?: string },
  ): Promise<Served<Page<Descriptor>>>
  state(): readonly UpstreamState[]
  close(): Promise<void>
}
