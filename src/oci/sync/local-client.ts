/**
 * The registry in this process as a client sees one, so that copying needs no connection to itself.
 *
 * Not here: who may do it; what runs in the server is its owner's.
 */
import { AppError, digestOf, digestParts } from '#kernel/index.ts'
import type { RegistryClient } from '../client/contract.ts'
import { manifestName, type RepositoryRef } from '../reference.ts'
import type { Page, Registry } from '../registry/contract.ts'

export function localClient(registry: Registry): RegistryClient {
  const nothing = {
    requests: 0,
    blobBytesSent: 0,
    blobBytesReceived: 0,
    manifestBytesSent: 0,
    manifestBytesReceived: 0,
  }
  return {
    ping: async () => undefined,
    resolve: async (reference) => {
      const found = await registry.manifest(reference.repository, manifestName(reference))
      return found && { ...found, size: found.bytes.byteLength }
    },
    pullManifest: async (reference) => {
      const name = manifestName(reference)
      const found = await registry.manifest(reference.repository, name)
      if (found !== undefined) return found
      const text = `${reference.repository} has no manifest ${name}`
      throw new AppError('oci/manifest-unknown', text)
    },
    pullBlob: async function* ({ repository }, { digest }, { range } = {}) {
      const blob = await registry.blob(repository, digest)
      if (blob === undefined)
        throw new AppError('oci/blob-unknown', `${repository} has no blob ${digest}`)
      yield* registry.readBlob(blob, range)
    },
    blobSize: async ({ repository }, digest) =>
      (await registry.blob(repository, digest))?.sizeBytes,
    pushBlob: (to, blob, source, options = {}) => pushBlob(registry, to, { blob, source, options }),
    pushManifest: async ({ repository }, manifest) => {
      const { bytes, mediaType, tag, replaces, digest = digestOf(bytes) } = manifest
      const tags = tag === undefined ? [] : [tag]
      const put = { reference: digest, mediaType, bytes, tags }
      const condition = replaces === undefined ? {} : { replaces }
      return (await registry.putManifest(repository, { ...put, ...condition })).digest
    },
    tags: ({ repository }) =>
      allOf(async (after) => (await registry.tags(repository, after)) ?? { items: [] }),
    referrers: ({ repository }, subject, artifactType) =>
      allOf((after) =>
        registry.referrers(repository, subject, {
          ...after,
          ...(artifactType === undefined ? {} : { artifactType }),
        }),
      ),
    deleteManifest: (reference) =>
      registry.removeManifest(reference.repository, manifestName(reference)),
    deleteBlob: ({ repository }, digest) => registry.removeBlob(repository, digest),
    traffic: () => nothing,
  }
}

async function pushBlob(
  registry: Registry,
  { repository }: RepositoryRef,
  push: {
    readonly blob: Parameters<RegistryClient['pushBlob']>[1]
    readonly source: Parameters<RegistryClient['pushBlob']>[2]
    readonly options: NonNullable<Parameters<RegistryClient['pushBlob']>[3]>
  },
): ReturnType<RegistryClient['pushBlob']> {
  const { blob, source, options } = push
  const { digest, size } = blob
  if ((await registry.blob(repository, digest)) !== undefined) return 'existed'
  // Everything here is the owner's, so any repository may lend the blob.
  const from = options.mountFrom
  const mount = { digest, mayRead: () => true, ...(from === undefined ? {} : { from }) }
  if ((await registry.mount(repository, mount)) !== undefined) return 'mounted'
  const id = await registry.startUpload(repository, digestParts(digest).algorithm)
  try {
    await registry.appendUpload(repository, id, { chunks: source.read(0), sizeBytes: size })
    await registry.finishUpload(repository, id, digest)
    return 'uploaded'
  } catch (error) {
    await registry.cancelUpload(repository, id).catch(() => undefined)
    throw error
  }
}

/** Every page of a list. */
async function allOf<T>(
  page: (after: { after?: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const all: T[] = []
  let after: { after?: string } | undefined = {}
  while (after !== undefined) {
    const { items, next }: Page<T> = await page(after)
    for (const item of items) all.push(item)
    after = next === undefined ? undefined : { after: next }
  }
  return all
}
