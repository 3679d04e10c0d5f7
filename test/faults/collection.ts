/**
 * Pushes, mounts, deletes and collections at once: nothing that was acknowledged is lost.
 *
 * Few contents and no grace at all: the same digests come and go all the time, so that every
 * collection meets pushes of what it removes. A worker owns its repository and knows what must be
 * there; after each acknowledgement, now and then, and at the end it reads all of it.
 */
import { AppError, type Digest, digestOf, one, readAll } from '#kernel/index.ts'
import { mediaTypes, openRegistry, openUpkeep, type OpenRegistryOptions } from '#oci/index.ts'
import { mulberry32 } from '#store/index.ts'
import { seededBytes } from '../protocol/content.ts'
import { storageKinds } from '../storages.ts'

type Registry = Awaited<ReturnType<typeof openRegistry>>

interface Soak {
  readonly options: OpenRegistryOptions
  /** Several servers, where the storage can have them. */
  readonly servers: number
  readonly workers: number
  readonly seed: number
  /** Runs until so many manifests were acknowledged, */
  readonly pushes: number
  /** and so many blobs collected. */
  readonly removals: number
}

export interface SoakReport {
  readonly pushed: number
  readonly mounted: number
  readonly deleted: number
  readonly collections: number
  readonly removedBlobs: number
  /** Pushes that a collection without grace made impossible, and that were told so. */
  readonly refused: number
}

const contents = Array.from({ length: 24 }, (_, index) => {
  const bytes = seededBytes(2000 + index * 517, index)
  return { bytes, digest: digestOf(bytes) }
})

interface Shared {
  readonly registries: readonly Registry[]
  readonly counts: { -readonly [Name in keyof SoakReport]: number }
  readonly soak: Soak
  stopped: boolean
}

export async function soakCollection(soak: Soak): Promise<SoakReport> {
  const registries: Registry[] = []
  for (let server = 0; server < soak.servers; server += 1)
    registries.push(await openRegistry(soak.options))
  await using beside = await openUpkeep(soak.options)
  const counts = { pushed: 0, mounted: 0, deleted: 0, collections: 0, removedBlobs: 0, refused: 0 }
  const shared: Shared = { registries, counts, soak, stopped: false }
  const collecting = [registries[0]?.upkeep, beside].map(async (upkeep) => {
    while (!shared.stopped) {
      const report = await upkeep?.collect({ graceMs: 0, recycleMs: 0 })
      counts.collections += 1
      counts.removedBlobs += report?.removedBlobs ?? 0
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  const working = Array.from({ length: soak.workers }, (_, index) =>
    work(shared, index, mulberry32(soak.seed * 1000 + index)),
  )
  try {
    await Promise.all(working)
  } finally {
    shared.stopped = true
    await Promise.allSettled([...collecting, ...working])
    for (const registry of registries) await registry.close()
  }
  await Promise.all(collecting)
  return counts
}

interface Kept {
  readonly manifest: Digest
  readonly blobs: readonly Digest[]
}

async function work(shared: Shared, index: number, random: () => number): Promise<void> {
  const { counts, soak } = shared
  const isOver = () => counts.pushed >= soak.pushes && counts.removedBlobs >= soak.removals
  const repository = `soak/worker-${index}`
  const kept = new Map<string, Kept>()
  const registryOf = (): Registry => pick(shared.registries, random)
  while (!shared.stopped && !isOver()) {
    const tag = `t${Math.floor(random() * 4)}`
    const before = kept.get(tag)
    if (before !== undefined && random() < 0.4) {
      kept.delete(tag)
      const isAlone = [...kept.values()].every(({ manifest }) => manifest !== before.manifest)
      await registryOf().removeManifest(repository, isAlone ? before.manifest : tag)
      counts.deleted += 1
    } else {
      const pushed = await push(shared, { repository, tag, registry: registryOf(), random })
      if (pushed === undefined) continue
      kept.set(tag, pushed)
      counts.pushed += 1
      await verify(registryOf(), repository, tag, pushed)
    }
    if (random() < 0.1) await verifyAll(registryOf(), repository, kept)
  }
  await verifyAll(registryOf(), repository, kept)
}

interface Push {
  readonly repository: string
  readonly tag: string
  readonly registry: Registry
  readonly random: () => number
}

/** Undefined when a collection was between the blobs and the manifest, and it was refused. */
async function push(shared: Shared, job: Push): Promise<Kept | undefined> {
  const { repository, tag, registry, random } = job
  const layers = [pick(contents, random), pick(contents, random)]
  for (const { digest, bytes } of layers) {
    const from = `soak/worker-${Math.floor(random() * shared.soak.workers)}`
    const mount = random() < 0.5 ? { digest, from, mayRead: () => true } : undefined
    if (mount !== undefined && (await registry.mount(repository, mount)) !== undefined) {
      shared.counts.mounted += 1
      continue
    }
    const id = await registry.startUpload(repository)
    await registry.appendUpload(repository, id, { chunks: one(bytes) })
    await registry.finishUpload(repository, id, digest)
  }
  const [config, layer] = layers.map(({ digest, bytes }) => ({
    mediaType: 'application/octet-stream',
    digest,
    size: bytes.byteLength,
  }))
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] }
  const bytes = new TextEncoder().encode(JSON.stringify(manifest))
  try {
    const put = { reference: tag, mediaType: mediaTypes.manifest, bytes }
    const { digest } = await registry.putManifest(repository, put)
    return { manifest: digest, blobs: layers.map((one_) => one_.digest) }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'oci/manifest-blob-unknown') throw error
    shared.counts.refused += 1
    return undefined
  }
}

async function verifyAll(
  registry: Registry,
  repository: string,
  kept: ReadonlyMap<string, Kept>,
): Promise<void> {
  for (const [tag, one_] of kept) await verify(registry, repository, tag, one_)
}

async function verify(
  registry: Registry,
  repository: string,
  tag: string,
  { manifest, blobs }: Kept,
): Promise<void> {
  const found = await registry.manifest(repository, tag)
  if (found?.digest !== manifest)
    throw new Error(`${repository}:${tag} is ${found?.digest}, not ${manifest}`)
  for (const digest of blobs) {
    const blob = await registry.blob(repository, digest)
    if (blob === undefined) throw new Error(`${repository} has lost ${digest}`)
    await readAll(registry.readBlob(blob), 1_000_000, digest) // Hashed on its way.
  }
}

function pick<T>(from: readonly T[], random: () => number): T {
  const found = from[Math.floor(random() * from.length)]
  if (found === undefined) throw new Error('Nothing to pick from')
  return found
}

/** Rounds of it on every storage that is possible here, for minutes. */
export async function collectAtOnce(soak: {
  readonly rounds: number
  readonly seed: number
  readonly note: (text: string) => void
}): Promise<void> {
  for (let round = 0; round < soak.rounds; round += 1)
    for (const kind of storageKinds) {
      if (!kind.isPossible) continue
      await using place = await kind.open()
      const servers = kind.isShared ? 2 : 1
      const seed = soak.seed + round
      const report = await soakCollection({
        ...place,
        servers,
        workers: 8,
        seed,
        pushes: 1000,
        removals: 20,
      })
      soak.note(`collect ${round}, ${kind.name}: ${JSON.stringify(report)}`)
    }
}
