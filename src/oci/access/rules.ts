/**
 * Rules of namespaces around a registry: quotas, tags that never move, what may be incomplete.
 *
 * Invariant: a blob that the namespace has already costs nothing. An immutable tag is set only
 * where there is none, in the same transaction that looks; neither it nor its manifest is deleted
 * by a client. Not here: how much fits (`quotas.ts`), retention, which the operator rules.
 */
import { AppError, type Clock, isDigest } from '#kernel/index.ts'
import { isTag } from '../reference.ts'
import type { ManifestPut, Registry } from '../registry/contract.ts'
import { namePattern } from './pattern.ts'
import { quotasOf } from './quotas.ts'

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

interface Governed extends NamespaceRule {
  readonly namespace: string
}

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
      if (rule !== undefined) await quotas.checkRoom(rule, { bytes: 1, tags: 0 })
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
      const rule = ruleOf(repository)
      if (rule?.bytesMax === undefined) return await registry.finishUpload(repository, id, digest)
      return await quotas.finish(rule, { repository, id, digest })
    },
    cancelUpload: async (repository, id) => {
      quotas.forget(id)
      await registry.cancelUpload(repository, id)
    },
    mount: async (repository, request) => {
      const rule = ruleOf(repository)
      const mount = () => registry.mount(repository, request)
      if (rule?.bytesMax === undefined) return await mount()
      return await quotas.mount(rule, { repository, digest: request.digest, mount })
    },
    putManifest: async (repository, given) => {
      const rule = ruleOf(repository)
      if (rule === undefined) return await registry.putManifest(repository, given)
      const put = rule.sparse === true ? { ...given, sparse: true } : given
      return await quotas.inTurn(rule, async () => {
        const more = { bytes: put.bytes.byteLength, tags: await newTags(registry, repository, put) }
        await quotas.checkRoom(rule, more)
        const receipt = await putTags(registry, rule, { repository, put })
        quotas.added(rule, more)
        return receipt
      })
    },
    removeManifest: async (repository, reference) => {
      const rule = ruleOf(repository)
      if (rule === undefined) return await registry.removeManifest(repository, reference)
      return await quotas.inTurn(rule, async () => {
        const tags = isDigest(reference)
          ? await registry.tagsNaming(repository, reference)
          : [reference]
        const kept = tags.find((tag) => isImmutable(rule, tag))
        if (kept !== undefined) throw immutable(repository, kept)
        return await registry.removeManifest(repository, reference)
      })
    },
  }
}

interface Putting {
  readonly repository: string
  readonly put: ManifestPut
}

/** The rule of the longest name above a repository. */
function ruleFor(
  rules: ReadonlyMap<string, NamespaceRule>,
  repository: string,
): Governed | undefined {
  for (let at = repository; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    const rule = rules.get(at)
    if (rule !== undefined) return { namespace: at, ...rule }
  }
  const usual = rules.get('*')
  return usual && { namespace: repository.split('/')[0] ?? '', ...usual }
}

async function newTags(registry: Registry, repository: string, put: ManifestPut): Promise<number> {
  let count = 0
  for (const tag of tagsIn(put))
    if ((await registry.manifest(repository, tag)) === undefined) count += 1
  return count
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
      throw moved ? immutable(repository, fixed.join(', ')) : error
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

function isOverQuota(error: unknown): boolean {
  return error instanceof AppError && error.code === 'oci/over-quota'
}

function immutable(repository: string, tag: string): AppError {
  return new AppError('oci/tag-immutable', `${repository}:${tag} is immutable and exists`, {
    hints: ['Push under a new tag.'],
  })
}
