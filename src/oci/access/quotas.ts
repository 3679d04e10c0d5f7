/**
 * Quotas of namespaces: what they have, what is under way, and whether more fits.
 *
 * Invariant: near its limit a namespace finishes one thing after another, each counted anew; far
 * from it a sum that is a few seconds old is enough. What other servers finish in these seconds may
 * be too much, and so may what is under way, but nothing else.
 */
import { AppError, type Bytes, type Clock, type Digest } from '#kernel/index.ts'
import type { NamespaceUsage, Registry, StoredBlob } from '../registry/contract.ts'

/** How long a sum may be used while it is far from the limit. */
const sumMsMax = 5000
/** Nearer to the limit than this part of it, everything is counted anew. */
const nearPart = 0.9
const uploadMsMax = 24 * 3_600_000

export interface Quota {
  readonly namespace: string
  readonly bytesMax?: number | undefined
  readonly tagsMax?: number | undefined
}

export interface Quotas {
  /** Runs what changes a namespace one after another. */
  inTurn<T>(quota: Quota, work: () => Promise<T>): Promise<T>
  /** @throws AppError `oci/over-quota` */
  checkRoom(quota: Quota, more: NamespaceUsage): Promise<void>
  /** The chunks, for as long as there is room for them. @throws AppError `oci/over-quota` */
  counted(quota: Quota, upload: UploadPart): Promise<Bytes>
  /** @throws AppError `oci/over-quota`, and the upload is gone */
  finish(quota: Quota, upload: Finishing): Promise<StoredBlob>
  /** @throws AppError `oci/over-quota` */
  mount(quota: Quota, mounting: Mounting): Promise<StoredBlob | undefined>
  forget(id: string): void
  /** Something was added that `checkRoom` found room for. */
  added(quota: Quota, more: NamespaceUsage): void
}

interface UploadPart {
  readonly repository: string
  readonly id: string
  readonly chunks: Bytes
}

interface Finishing {
  readonly repository: string
  readonly id: string
  readonly digest: Digest
}

interface Mounting {
  readonly repository: string
  readonly digest: Digest
  readonly mount: () => Promise<StoredBlob | undefined>
}

/** Quotas over a registry that knows none. */
export function quotasOf(registry: Registry, clock: Clock): Quotas {
  const inTurn = turns()
  const sums = sumsOf(registry, clock)
  const underWay = uploadsUnderWay(clock)
  const bytesLeft = async (quota: Quota) =>
    (quota.bytesMax ?? Infinity) - (await sums.get(quota)).bytes
  const finishNow = async (quota: Quota, { repository, id, digest }: Finishing) => {
    const isNew = !(await registry.holds(quota.namespace, digest))
    const size = await registry.uploadSize(repository, id).catch(ended)
    if (isNew && size > (await bytesLeft(quota))) {
      underWay.delete(id)
      await registry.cancelUpload(repository, id)
      throw overBytes(quota)
    }
    const blob = await registry.finishUpload(repository, id, digest)
    underWay.delete(id)
    if (isNew) sums.add(quota, { bytes: blob.sizeBytes, tags: 0 })
    return blob
  }
  return {
    inTurn: (quota, work) => inTurn(quota.namespace, work),
    forget: (id) => underWay.delete(id),
    added: (quota, more) => sums.add(quota, more),
    checkRoom: async (quota, more) => {
      const { bytesMax = Infinity, tagsMax = Infinity } = quota
      const had = await sums.get(quota)
      if (had.bytes + more.bytes > bytesMax) throw overBytes(quota)
      if (more.tags > 0 && had.tags + more.tags > tagsMax) throw overTags(quota)
    },
    counted: async (quota, { repository, id, chunks }) => {
      const upload = underWay.begin(quota, id, await registry.uploadSize(repository, id))
      const room = (await bytesLeft(quota)) - underWay.others(quota, id)
      return (async function* () {
        for await (const chunk of chunks) {
          upload.bytes += chunk.byteLength
          if (upload.bytes > room) throw overBytes(quota)
          yield chunk
        }
      })()
    },
    finish: async (quota, finishing) => {
      const { bytesMax = Infinity } = quota
      const all = (await sums.get(quota)).bytes + underWay.others(quota, '')
      const finish = () => finishNow(quota, finishing)
      return all < bytesMax * nearPart ? await finish() : await inTurn(quota.namespace, finish)
    },
    mount: async (quota, { repository, digest, mount }) => {
      if (await registry.holds(quota.namespace, digest)) return await mount()
      return await inTurn(quota.namespace, async () => {
        const blob = await mount()
        if (blob === undefined) return undefined
        sums.add(quota, { bytes: blob.sizeBytes, tags: 0 })
        if ((await bytesLeft(quota)) >= 0) return blob
        await registry.removeBlob(repository, digest)
        sums.add(quota, { bytes: -blob.sizeBytes, tags: 0 })
        throw overBytes(quota)
      })
    },
  }
}

/** An upload that another request finishes at this moment: the registry knows what to answer. */
function ended(error: unknown): number {
  if (error instanceof AppError && error.code === 'oci/upload-unknown') return 0
  throw error
}

/** What namespaces have: counted anew when a sum is old, or near a limit. */
function sumsOf(registry: Registry, clock: Clock) {
  const sums = new Map<string, { bytes: number; tags: number; readonly atMs: number }>()
  return {
    get: async ({ namespace, bytesMax = Infinity, tagsMax = Infinity }: Quota) => {
      const known = sums.get(namespace)
      const isUsable =
        known !== undefined &&
        known.atMs > clock.nowMs() - sumMsMax &&
        known.bytes < bytesMax * nearPart &&
        known.tags < tagsMax * nearPart
      if (isUsable) return known
      const sum = { ...(await registry.usage(namespace)), atMs: clock.nowMs() }
      sums.set(namespace, sum)
      return sum
    },
    add: ({ namespace }: Quota, more: NamespaceUsage) => {
      const sum = sums.get(namespace)
      if (sum === undefined) return
      sum.bytes += more.bytes
      sum.tags += more.tags
    },
  }
}

/** Bytes of uploads that have begun here; those that nobody ended are forgotten after a day. */
function uploadsUnderWay(clock: Clock) {
  const uploads = new Map<
    string,
    { readonly namespace: string; bytes: number; readonly atMs: number }
  >()
  return {
    begin: ({ namespace }: Quota, id: string, bytes: number) => {
      const upload = { namespace, bytes, atMs: clock.nowMs() }
      uploads.set(id, upload)
      return upload
    },
    others: ({ namespace }: Quota, id: string): number => {
      let bytes = 0
      for (const [key, upload] of uploads) {
        if (upload.atMs < clock.nowMs() - uploadMsMax) uploads.delete(key)
        else if (upload.namespace === namespace && key !== id) bytes += upload.bytes
      }
      return bytes
    },
    delete: (id: string) => uploads.delete(id),
  }
}

/** Work of one key, one after another, whatever becomes of each. */
function turns() {
  const last = new Map<string, Promise<unknown>>()
  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const turn = (last.get(key) ?? Promise.resolve()).then(work, work)
    const settled = turn.catch(() => undefined)
    last.set(key, settled)
    try {
      return await turn
    } finally {
      if (last.get(key) === settled) last.delete(key)
    }
  }
}

const hints = ['Delete what is not needed, or ask who runs this registry for more.']

function overBytes({ namespace, bytesMax }: Quota): AppError {
  const text = `${namespace} would have more than the ${bytesMax} bytes that it may`
  return new AppError('oci/over-quota', text, { hints })
}

function overTags({ namespace, tagsMax }: Quota): AppError {
  const text = `${namespace} would have more than the ${tagsMax} tags that it may`
  return new AppError('oci/over-quota', text, { hints })
}
