/**
 * Lists of what is copied between registries, the difference that a copy would make, and what came
 * of it.
 *
 * Invariant: nothing is deleted unless a list says so, and then only tags that the list chooses.
 */
import type { Digest } from '#kernel/index.ts'
import type { RegistryClient } from '../client/contract.ts'
import type { RepositoryRef } from '../reference.ts'

/** Which tags of a repository are meant; without any condition all are. */
export interface TagChoice {
  /** `*` stands for any characters; one has to fit. */
  readonly globs: readonly string[]
  /** Semantic versions, as npm writes ranges of them; `v1.2.3` counts as `1.2.3`. */
  readonly semver: string | undefined
  readonly regex: RegExp | undefined
  /** Never these, as globs. */
  readonly except: readonly string[]
  /** Only the newest so many, by version where they have one, else by name. */
  readonly newest: number | undefined
}

export interface SyncPair {
  readonly from: RepositoryRef
  readonly to: RepositoryRef
}

export interface SyncList {
  readonly name: string
  readonly pairs: readonly SyncPair[]
  readonly tags: TagChoice
  /** `linux/amd64`, `linux/arm/v7`; none: all. An index is copied as it is in any case. */
  readonly platforms: readonly string[]
  /** Also what hangs on the manifests: signatures, SBOMs. */
  readonly referrers: boolean
  /** Tags that are chosen and not at the source any more are deleted at the target. */
  readonly delete: boolean
  readonly fromClient: RegistryClient
  readonly toClient: RegistryClient
}

/** One difference between source and target. */
export interface SyncStep {
  readonly from: string
  readonly to: string
  readonly tag: string
  /** `platforms`: the tag is the same, and the target lacks images of the index. */
  readonly action: 'add' | 'update' | 'platforms' | 'referrers' | 'delete'
  /** What the tag names at the source; absent for `delete`. */
  readonly digest?: Digest
  /** What it names at the target now. */
  readonly was?: Digest
}

export interface SyncFailure {
  /** `REPOSITORY:TAG`, or a repository whose tags could not be listed. */
  readonly what: string
  readonly message: string
  /** What to do about it. */
  readonly hints: readonly string[]
}

export interface SyncDifference {
  readonly list: string
  readonly steps: readonly SyncStep[]
  /** Tags that are the same on both sides. */
  readonly same: number
  readonly failures: readonly SyncFailure[]
}

export interface SyncReport extends SyncDifference {
  /** Steps that were done. */
  readonly done: number
  readonly bytesCopied: number
}
