/**
 * Rules of namespaces around a registry: quotas, tags that never move, what may be incomplete.
 *
 * Invariant: a blob that the namespace has already costs nothing. An immutable tag is set only
 * where there is none, and neither it nor anything that it needs is deleted by a client; who
 * decides looks in the transaction that changes something.
 * Not here: how much fits (`quotas.ts`), retention, which the operator rules.
 */
import { AppError, type Clock, isDigest } from '#kernel/index.ts'
import { isTag } from '../reference.ts'
import type { Keeps, ManifestPut, Registry } from '../registry/contract.ts'
import type { Budget } from '../registry/metadata/budget.ts'
import { tagImmutable } from '../registry/metadata/keeping.ts'
import { namePattern } from './pattern.ts'
import { isOverQuota, quotasOf } from './quotas.ts'

export interface NamespaceRule {
  /** Patterns of tags that never move. */
  readonly immutableTags: readonly string[]
  readonly bytesMax?: number | undefined
  readonly tagsMax?: number | undefined
  /** Manifests may name blobs that are not there. */
  readonly sparse?: boolean | undefined
}

/** Rules by namespace: `aswf`, `aswf/ci`, and `*` for each first part that has no rule. */
export type NamespaceRules = Readonly<Record<string, NamespaceRule>>

interface Governed extends NamespaceRule, Budget {}

/** The registry under rules; without any it is the registry itself. */
export function ruled(registry: Registry, rules: NamespaceRules, clock: Clock): Registry {
  const byName = new Map(Object.entries(rules))
  if (byName.size === 0) return registry
  const ruleOf = (repository: string) => ruleFor(byName, repository)
  const quotas = quotasOf(registry, clock)
  return {
    ...registry,
    startUpload: async (repository, algorithm) => {
      const rule = ruleOf(repository)
      if (rule !== undefined) await quotas.checkRoom(rule)
      return await registry.startUpload(repository, algorithm)
    },
    appendUpload: async (repository, id, part) => {
      const rule = ruleOf(repository)
      if (rule?.bytesMax === undefined) return await registry.appendUpload(repository, id, part)
      const chunks = await quotas.counted(rule, { repository, id, chunks: part.chunks })
      return await registry
        .appendUpload(repository, id, { ...part, chunks })
        .catch(async (error: unknown) => {
          // It could never be finished, and its bytes would keep others out.
          if (isOverQuota(error)) {
            quotas.forget(id)
            await registry.cancelUpload(repository, id).catch(() => undefined)
          }
          throw error
        })
    },
    finishUpload: async (repository, id, digest) => {
      const budget = budgetOf(ruleOf(repository))
      if (budget === undefined) return await registry.finishUpload(repository, id, digest)
      return await quotas.finish(budget, { repository, id, digest })
    },
    cancelUpload: async (repository, id) => {
      quotas.forget(id)
      await registry.cancelUpload(repository, id)
    },
    mount: (repository, request) =>
      registry.mount(repository, { ...request, budget: budgetOf(ruleOf(repository)) }),
    putManifest: async (repository, given) => {
      const rule = ruleOf(repository)
      if (rule === undefined) return await registry.putManifest(repository, given)
      const sparse = rule.sparse === true ? { sparse: true } : {}
      const put = { ...given, ...sparse, budget: budgetOf(rule) }
      return await putTags(registry, rule, { repository, put })
    },
    removeManifest: (repository, reference, { only } = {}) =>
      registry.removeManifest(repository, reference, { only, keeps: keeping(ruleOf(repository)) }),
    removeBlob: (repository, digest) =>
      registry.removeBlob(repository, digest, keeping(ruleOf(repository))),
  }
}

interface Putting {
  readonly repository: string
  readonly put: ManifestPut
}

/** The rule of the longest name above a repository, and the names of all that it is part of. */
function ruleFor(
  rules: ReadonlyMap<string, NamespaceRule>,
  repository: string,
): Governed | undefined {
  const parts = repository.split('/')
  const above = parts.map((_, at) => parts.slice(0, at + 1).join('/')).toReversed()
  const usual = rules.get('*')
  const found = above.flatMap((namespace) => {
    const rule = rules.get(namespace) ?? (namespace.includes('/') ? undefined : usual)
    return rule === undefined ? [] : [{ ...rule, namespace }]
  })
  const [governing] = found
  const charged = found.filter(isLimited).map(({ namespace }) => namespace)
  return governing && { ...governing, charged }
}

function isLimited({ bytesMax, tagsMax }: NamespaceRule): boolean {
  return bytesMax !== undefined || tagsMax !== undefined
}

function budgetOf(rule: Governed | undefined): Budget | undefined {
  return rule === undefined || rule.charged.length === 0 ? undefined : rule
}

/** Puts the manifest: first with the tags that must be new, then with the others. */
async function putTags(registry: Registry, rule: Governed, { repository, put }: Putting) {
  const tags = tagsIn(put)
  const fixed = tags.filter((tag) => isImmutable(rule, tag))
  if (fixed.length === 0) return await registry.putManifest(repository, put)
  const receipt = await registry
    .putManifest(repository, { ...put, ...under(put, fixed), replaces: 'absent' })
    .catch((error: unknown) => {
      const moved = error instanceof AppError && error.code === 'oci/tag-moved'
      throw moved ? tagImmutable(repository, fixed.join(', ')) : error
    })
  const others = tags.filter((tag) => !fixed.includes(tag))
  if (others.length > 0) await registry.putManifest(repository, { ...put, ...under(put, others) })
  return receipt
}

function tagsIn({ reference, tags = [] }: ManifestPut): readonly string[] {
  return [...new Set([...(isDigest(reference) ? [] : [reference]), ...tags])].filter(isTag)
}

/** The same manifest under some of its tags. */
function under({ reference }: ManifestPut, [first = '', ...rest]: readonly string[]) {
  return isDigest(reference)
    ? { reference, tags: [first, ...rest] }
    : { reference: first, tags: rest }
}

function isImmutable({ immutableTags }: NamespaceRule, tag: string): boolean {
  return immutableTags.some((pattern) => namePattern(pattern)(tag))
}

/** Which tags keep what they reach from clients that delete; undefined: none. */
function keeping(rule: Governed | undefined): Keeps | undefined {
  if (rule === undefined || rule.immutableTags.length === 0) return undefined
  return (tag) => isImmutable(rule, tag)
}
