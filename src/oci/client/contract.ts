/**
 * What a registry client can do, and what it is given. Drivers: `registryClient`.
 *
 * Invariant: bytes that a caller gets to the end of have the digest that was asked for.
 */
import type { Bytes, Clock, Digest, Emit } from '#kernel/index.ts'
import type { Reference, RepositoryRef } from '../reference.ts'
import type { Descriptor } from '../schema.ts'

/** Who asks: a name and password, or a token that stands for a log-in. */
export type Credential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string }

/** The credential for a registry host, or undefined to ask as nobody. */
export type Credentials = (registry: string) => Promise<Credential | undefined>

/** Bytes that can be read from any offset, so that an upload can go on where it stopped. */
export interface BlobSource {
  read(start: number): Bytes
}

export interface RetryPolicy {
  /** Attempts in all; 1 never repeats. */
  readonly attempts: number
  /** The first wait, doubled each time, with up to half of it taken off at random. */
  readonly firstDelayMs: number
  readonly delayMsMax: number
  /** The longest `Retry-After` that is waited for; a longer one ends the attempts. */
  readonly retryAfterMsMax: number
}

export interface RegistryClientOptions {
  readonly credentials?: Credentials
  /** Whether a host is spoken to without TLS; default: only this machine. */
  readonly plainHttp?: (registry: string) => boolean
  readonly clock?: Clock
  readonly emit?: Emit
  readonly retry?: Partial<RetryPolicy>
  /** Uploads go in parts of at most this size; default: in one part, ghcr.io in 4 MiB. */
  readonly chunkBytesMax?: number
  /** A request without a byte in either direction for this long has failed; default 60 s. */
  readonly idleTimeoutMs?: number
  readonly signal?: AbortSignal
  readonly userAgent?: string
  /** Makes the requests; default: `fetch`. It may refuse places by throwing an AppError. */
  readonly fetch?: (url: URL, init: BunFetchRequestInit) => Promise<Response>
  /** Whether a token service that a registry names may see its credentials; default: it may. */
  readonly tokenHost?: (registry: string, host: string) => boolean
}

export interface PulledManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
}

/** Bytes of blobs and manifests that went over the wire, headers and answers not counted. */
export interface Traffic {
  readonly requests: number
  readonly blobBytesSent: number
  readonly blobBytesReceived: number
  readonly manifestBytesSent: number
  readonly manifestBytesReceived: number
}

export type BlobPushOutcome = 'existed' | 'mounted' | 'uploaded'

export interface PullBlobOptions {
  /** First byte and the byte after the last; such a part cannot be checked against the digest. */
  readonly range?: { readonly start: number; readonly end: number }
  readonly signal?: AbortSignal
}

export interface PushBlobOptions {
  /** Another repository on the same registry that may have the blob. */
  readonly mountFrom?: string
  readonly signal?: AbortSignal
  /** The caller knows that the registry lacks the blob: it is not asked. */
  readonly absent?: boolean
  /**
   * A blob that the repository has, much of which is in this one too, such as the layer of the
   * version before. A Backlot registry is sent only what is new; others get the whole.
   */
  readonly base?: { readonly digest: Digest; readonly source: BlobSource }
}

export interface ManifestToPush {
  readonly mediaType: string
  readonly bytes: Uint8Array
  /** By which it is known; their SHA-256 when not given. */
  readonly digest?: Digest
  /** Without one the manifest is reachable by digest only. */
  readonly tag?: string
  /**
   * Only if the tag names this manifest now, or nothing. Our server checks it in the same
   * transaction; registries that know no conditions move the tag regardless.
   */
  readonly replaces?: Digest | 'absent'
}

export interface RegistryClient {
  /** @throws AppError `oci/unreachable`, `oci/unauthorized`, `oci/bad-answer` */
  ping(registry: string): Promise<void>
  /** The manifest's descriptor, by HEAD; undefined when there is none. */
  resolve(reference: Reference): Promise<Descriptor | undefined>
  /** @throws AppError `oci/manifest-unknown`, `oci/digest-invalid`, `kernel/too-large` */
  pullManifest(reference: Reference): Promise<PulledManifest>
  /** A blob, going on from the last byte when the connection breaks; checked when whole. */
  pullBlob(
    from: RepositoryRef,
    blob: Pick<Descriptor, 'digest' | 'size'>,
    options?: PullBlobOptions,
  ): Bytes
  blobSize(repository: RepositoryRef, digest: Digest): Promise<number | undefined>
  /** Brings a blob there; sends nothing when it is there or can be mounted. */
  pushBlob(
    to: RepositoryRef,
    blob: Pick<Descriptor, 'digest' | 'size'>,
    source: BlobSource,
    options?: PushBlobOptions,
  ): Promise<BlobPushOutcome>
  /**
   * Writes a manifest, and the referrers list of its subject where the registry keeps none.
   * @throws AppError `oci/tag-moved` when `replaces` does not hold
   */
  pushManifest(to: RepositoryRef, manifest: ManifestToPush): Promise<Digest>
  /** All tags, sorted; empty for a repository that does not exist. */
  tags(repository: RepositoryRef): Promise<readonly string[]>
  /** What hangs on a manifest, by the API or by the list under the fallback tag. */
  referrers(
    repository: RepositoryRef,
    subject: Digest,
    artifactType?: string,
  ): Promise<readonly Descriptor[]>
  /** False when there was none. @throws AppError `oci/unsupported` */
  deleteManifest(reference: Reference): Promise<boolean>
  deleteBlob(repository: RepositoryRef, digest: Digest): Promise<boolean>
  traffic(): Traffic
}
