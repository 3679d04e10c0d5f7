/**
 * Looking after a registry: what is let go of, what is used by whom, what is damaged.
 *
 * Invariant: all of it may run while clients push and pull, from this process or from another one,
 * and no acknowledged push is lost. Every step is a transaction that looks again at what it stands
 * on (docs/formats/registry.md, «Collection»).
 */
import type { Digest } from '#kernel/index.ts'
import type { RetentionRule, Verdict } from './retention-rules.ts'

export interface CollectOptions {
  readonly dryRun?: boolean
  /** What is younger stays, though nothing names it yet: a push may be under way. */
  readonly graceMs?: number
  /** How long deleted tags and manifests can be restored. */
  readonly recycleMs?: number
}

export interface CollectReport {
  readonly dryRun: boolean
  /** Deleted manifests whose time in the bin is over. */
  readonly purgedManifests: number
  /** Blobs that repositories had and no manifest of theirs names. */
  readonly unlinkedBlobs: number
  readonly removedBlobs: number
  readonly freedBytes: number
}

export interface NamespaceUsage {
  readonly namespace: string
  readonly repositories: number
  readonly tags: number
  readonly manifests: number
  readonly blobs: number
  /** Of all its blobs, each counted once. */
  readonly bytes: number
  /** Of blobs that no other namespace has: what goes if the namespace goes. */
  readonly ownBytes: number
  /** Of blobs that others have too. */
  readonly sharedBytes: number
  readonly recycledManifests: number
}

export interface UsageReport {
  readonly namespaces: readonly NamespaceUsage[]
  /** Of everything that is stored, once. */
  readonly storedBytes: number
  readonly storedBlobs: number
}

export type Damage =
  /** The metadata know a blob that is not there, or is cut. */
  | { readonly kind: 'missing'; readonly digest: Digest; readonly repositories: readonly string[] }
  /** Bytes that do not hash to their name. */
  | { readonly kind: 'damaged'; readonly digest: Digest; readonly repositories: readonly string[] }
  /** Bytes that nothing knows of. */
  | { readonly kind: 'orphaned'; readonly digest: Digest; readonly bytes: number }
  /** A manifest whose own bytes are damaged, or not there. */
  | {
      readonly kind: 'damaged manifest'
      readonly digest: Digest
      readonly repositories: readonly string[]
    }
  /** A manifest that names a blob which its repository has not. */
  | {
      readonly kind: 'dangling manifest'
      readonly repository: string
      readonly manifest: Digest
      readonly digest: Digest
    }
  /** A tag that names no manifest. */
  | { readonly kind: 'dangling tag'; readonly repository: string; readonly tag: string }

export interface CheckOptions {
  /** Compare sizes only; do not read blobs. */
  readonly quick?: boolean
  /** Remove what is orphaned, and tags and manifests that cannot be served. */
  readonly repair?: boolean
  readonly onProgress?: (checkedBytes: number) => void
}

export interface CheckReport {
  readonly blobs: number
  readonly bytes: number
  readonly manifests: number
  readonly damage: readonly Damage[]
  readonly repaired: boolean
}

export interface RecycledItem {
  readonly repository: string
  readonly tag?: string
  readonly digest: Digest
  readonly recycledMs: number
  readonly reason: string
}

export interface RestoreReport {
  readonly manifests: readonly Digest[]
  readonly tags: readonly string[]
}

export interface RetainReport {
  readonly dryRun: boolean
  readonly verdicts: readonly Verdict[]
  readonly removedTags: number
  readonly removedManifests: number
}

export interface RegistryUpkeep {
  collect(options?: CollectOptions): Promise<CollectReport>
  retain(rules: readonly RetentionRule[], dryRun: boolean): Promise<RetainReport>
  /** @param depth How many parts of a repository's name are its namespace. */
  usage(depth: number): Promise<UsageReport>
  check(options?: CheckOptions): Promise<CheckReport>
  recycled(repository?: string): Promise<readonly RecycledItem[]>
  restore(
    repository: string,
    what: { readonly tag: string } | { readonly digest: Digest },
  ): Promise<RestoreReport>
}
