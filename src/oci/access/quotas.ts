/**
 * Quotas of namespaces, early: what cannot fit is refused before it is sent, or stored.
 *
 * Invariant: nothing is refused here by an old sum. What fits is decided where it is added, in the
 * database's transaction (`registry/metadata/budget.ts`), whoever adds at the same time.
 */
import { AppError, type Bytes, type Clock, type Digest } from '#kernel/index.ts'
import type { Registry, StoredBlob } from '../registry/contract.ts'
import { type Budget, overBytes } from '../registry/metadata/budget.ts'

/** How long a sum says that something fits. */
const sumMsMax = 5000
const uploadMsMax = 24 * 3_600_000

export interface Quotas {
  /** @throws AppError `oci/over-quota` when not a byte more fits */
  checkRoom(quota: Budget): Promise<void>
  /** The chunks, for as long as there is room for them. @throws AppError `oci/over-quota` */
  counted(quota: Budget, upload: UploadPart): Promise<Bytes>
  /** @throws AppError `oci/over-quota`, and the upload is gone */
  finish(quota: Budget, upload: Finishing): Promise<StoredBlob>
  forget(id: string): void
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

/** Quotas over a registry that knows none. */
export function quotasOf(registry: Registry, clock: Clock): Quotas {
  const sums = sumsOf(registry, clock)
  const underWay = uploadsUnderWay(clock)
  return {
    forget: (id) => underWay.delete(id),
    checkRoom: async (quota) => {
      if ((await sums.left(quota, 1)) < 1) throw overBytes(quota)
    },
    counted: async (quota, { repository, id, chunks }) => {
      const upload = underWay.begin(quota, id, await registry.uploadSize(repository, id))
      const others = underWay.others(quota, id)
      let room = (await sums.left(quota, upload.bytes + others)) - others
      return (async function* () {
        for await (const chunk of chunks) {
          upload.bytes += chunk.byteLength
          if (upload.bytes > room)
            room = (await sums.left(quota, Infinity)) - underWay.others(quota, id)
          if (upload.bytes > room) throw overBytes(quota)
          yield chunk
        }
      })()
    },
    finish: async (quota, { repository, id, digest }) => {
      const size = await registry.uploadSize(repository, id).catch(ended)
      try {
        if (
          size > (await sums.left(quota, size)) &&
          !(await registry.holds(quota.namespace, digest))
        )
          throw overBytes(quota)
        const blob = await registry.finishUpload(repository, id, digest, quota)
        sums.added(quota, blob.sizeBytes)
        return blob
      } catch (error) {
        // It could never be finished, and its bytes would keep others out.
        if (isOverQuota(error)) await registry.cancelUpload(repository, id).catch(() => undefined)
        throw error
      } finally {
        underWay.delete(id)
      }
    },
  }
}

export function isOverQuota(error: unknown): boolean {
  return error instanceof AppError && error.code === 'oci/over-quota'
}

/** An upload that another request finishes at this moment: the registry knows what to answer. */
function ended(error: unknown): number {
  if (error instanceof AppError && error.code === 'oci/upload-unknown') return 0
  throw error
}

/** What namespaces have: counted anew when a sum is old, or says that something does not fit. */
function sumsOf(registry: Registry, clock: Clock) {
  const sums = new Map<string, { bytes: number; readonly atMs: number }>()
  return {
    /** May say too much, as of what was there already: then it is counted anew. */
    added: ({ namespace }: Budget, bytes: number): void => {
      const known = sums.get(namespace)
      if (known !== undefined) known.bytes += bytes
    },
    /** Bytes that are left: at least `wanted`, or as many as there are at this moment. */
    left: async ({ namespace, bytesMax = Infinity }: Budget, wanted: number): Promise<number> => {
      if (bytesMax === Infinity) return Infinity
      const known = sums.get(namespace)
      if (known !== undefined && known.atMs > clock.nowMs() - sumMsMax) {
        const left = bytesMax - known.bytes
        if (left >= wanted) return left
      }
      const { bytes } = await registry.usage(namespace)
      sums.set(namespace, { bytes, atMs: clock.nowMs() })
      return bytesMax - bytes
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
    begin: ({ namespace }: Budget, id: string, bytes: number) => {
      const upload = { namespace, bytes, atMs: clock.nowMs() }
      uploads.set(id, upload)
      return upload
    },
    others: ({ namespace }: Budget, id: string): number => {
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
