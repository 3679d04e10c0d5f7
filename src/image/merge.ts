/**
 * Several layers as one: their files side by side, packed anew.
 *
 * Invariant: equal layers and time give equal bytes. What was merged once is remembered beside the
 * store, and used again as long as its blob is there; the memory may be removed at any time.
 */
import { join } from 'node:path'
import { z } from 'zod'
import {
  canonicalJson,
  type Digest,
  digestOf,
  digestParts,
  type Emit,
  isDigest,
  readIfPresent,
  temporaryFolder,
  writeFileAtomic,
} from '#kernel/index.ts'
import { Descriptor } from '#oci/index.ts'
import { materialise, packLayer, type Store, unpackLayer } from '#store/index.ts'

export interface MergeInput {
  readonly layer: Descriptor
  readonly diffId: Digest
}

export interface MergeOptions {
  readonly epochSeconds: number
  readonly signal?: AbortSignal | undefined
  readonly emit?: Emit | undefined
}

const Merged = z.strictObject({
  descriptor: Descriptor,
  diffId: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value)),
})
export type MergedLayer = Readonly<z.infer<typeof Merged>>

/**
 * The layer that holds the files of all these, whose blobs are in the store.
 * @throws AppError `store/blob-unknown`, `store/view-collision`, `kernel/no-space`
 */
export async function mergeLayers(
  store: Store,
  group: readonly MergeInput[],
  options: MergeOptions,
): Promise<MergedLayer> {
  const { signal, emit, epochSeconds } = options
  const digests = group.map(({ layer }) => layer.digest)
  const key = digestParts(digestOf(canonicalJson({ merge: 1, epochSeconds, digests }))).hex
  const path = join(store.home, 'merged', `${key}.json`)
  const known = remembered(path)
  if (known && (await store.blobs.size(known.descriptor.digest)) === known.descriptor.size)
    return known
  for (const { layer, diffId } of group)
    await unpackLayer(store, { ...layer, diffId }, { signal, emit })
  using folder = temporaryFolder(join(store.home, 'tmp'), 'merge-')
  const tree = join(folder.path, 'tree')
  await materialise(store, digests, tree, 'hardlink', { signal })
  const packed = await packLayer(store, tree, { epochSeconds, prefix: '', signal, emit })
  const descriptor = { ...packed.descriptor, annotations: { ...packed.descriptor.annotations } }
  const merged = { descriptor, diffId: packed.diffId }
  writeFileAtomic(path, canonicalJson(merged))
  return merged
}

function remembered(path: string): MergedLayer | undefined {
  const bytes = readIfPresent(path)
  if (bytes === undefined) return undefined
  try {
    return Merged.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return undefined // It will be made again.
  }
}
