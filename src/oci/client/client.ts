/**
 * The registry client: manifests, tags and referrers; blobs are in `download.ts` and `upload.ts`.
 */
import { AppError, type Digest, digestOf, digestParts, isDigest } from '#kernel/index.ts'
import { bareMediaType, isManifestType, manifestTypes } from '../media-types.ts'
import { manifestName, type Reference, type RepositoryRef } from '../reference.ts'
import { type Descriptor, parseManifest, referrerDescriptor, subjectOf } from '../schema.ts'
import { badAnswer, discard, failure, type Question } from './answers.ts'
import type {
  ManifestToPush,
  PulledManifest,
  RegistryClient,
  RegistryClientOptions,
} from './contract.ts'
import { download } from './download.ts'
import {
  addFallbackReferrer,
  fallbackReferrers,
  listReferrers,
  listTags,
  manifestBody,
  queryOf,
} from './lists.ts'
import { type Ask, type Transport, transport } from './transport.ts'
import { smallPartBytes, upload } from './upload.ts'

/** A client for any number of registries; tokens and counters are shared by all of its calls. */
export function registryClient(options: RegistryClientOptions = {}): RegistryClient {
  const wire = transport(options)
  const partBytes = (registry: string) =>
    options.chunkBytesMax ?? (registry === 'ghcr.io' ? smallPartBytes : undefined)
  const fallback = (repository: RepositoryRef) => ({
    pull: (tag: string) => pullManifest(wire, { ...repository, tag }),
    push: (manifest: ManifestToPush) => putManifest(wire, repository, manifest),
  })
  return {
    ping: (registry) => ping(wire, registry),
    resolve: (reference) => resolve(wire, reference),
    pullManifest: async (reference) => {
      const found = await pullManifest(wire, reference)
      if (found !== undefined) return found
      throw new AppError(
        'oci/manifest-unknown',
        `${reference.registry}/${reference.repository} has no manifest ${manifestName(reference)}`,
        { hints: ['Check the spelling of repository and tag; private ones need a log-in.'] },
      )
    },
    pullBlob: (from, blob, pull = {}) => download({ transport: wire, from, blob, options: pull }),
    blobSize: (repository, digest) => blobSize(wire, repository, digest),
    pushBlob: (to, blob, source, push = {}) =>
      upload({
        transport: wire,
        to,
        blob,
        source,
        options: push,
        partBytes: partBytes(to.registry),
      }),
    pushManifest: async (to, manifest) => {
      const { digest, subjectKnown } = await putManifest(wire, to, manifest)
      const parsed = parseManifest(manifest.bytes, manifest.mediaType, 'The manifest to push')
      const subject = subjectOf(parsed)?.digest
      if (subject !== undefined && !subjectKnown) {
        const described = referrerDescriptor(parsed, { digest, size: manifest.bytes.byteLength })
        await addFallbackReferrer(fallback(to), subject, described)
      }
      return digest
    },
    tags: (repository) => listTags(wire, repository),
    referrers: async (repository, subject, artifactType) => {
      const listed = await listReferrers(wire, repository, subject, artifactType)
      if (listed !== undefined) return listed
      const all = await fallbackReferrers(fallback(repository), subject)
      return all.filter((one) => artifactType === undefined || one.artifactType === artifactType)
    },
    deleteManifest: (reference) => remove(wire, reference, `manifests/${manifestName(reference)}`),
    deleteBlob: (repository, digest) => remove(wire, repository, `blobs/${digest}`),
    traffic: () => ({ ...wire.traffic }),
  }
}

async function ping(wire: Transport, registry: string): Promise<void> {
  const question = { registry, what: 'say hello' }
  const { response } = await wire.ask({ ...question, method: 'GET', url: '/v2/', scopes: [] })
  if (response.status === 404) throw badAnswer(question, 'there is no `/v2/`')
  if (!response.ok) throw await failure(response, question)
  await discard(response)
}

function manifestAsk(
  reference: Reference,
  method: 'GET' | 'HEAD',
): Question & Pick<Ask, 'method' | 'url' | 'headers' | 'scopes'> {
  const name = manifestName(reference)
  return {
    registry: reference.registry,
    what: `pull manifest ${reference.repository}:${name}`,
    method,
    url: `/v2/${reference.repository}/manifests/${name}`,
    headers: { accept: [...manifestTypes, '*/*;q=0.1'].join(', ') },
    scopes: [`repository:${reference.repository}:pull`],
  }
}

async function resolve(wire: Transport, reference: Reference): Promise<Descriptor | undefined> {
  const request = manifestAsk(reference, 'HEAD')
  const { response } = await wire.ask(request)
  if (response.status === 404) return undefined
  if (!response.ok && !knowsNoHead(response)) throw await failure(response, request)
  const mediaType = bareMediaType(response.headers.get('content-type'))
  const digest = response.headers.get('docker-content-digest') ?? reference.digest ?? ''
  const size = Number(response.headers.get('content-length') ?? Number.NaN)
  if (response.ok && isDigest(digest) && isManifestType(mediaType) && size > 0) {
    if (reference.digest !== undefined && reference.digest !== digest)
      throw badAnswer(request, `it names ${digest}`)
    return { mediaType, digest, size }
  }
  const found = await pullManifest(wire, reference)
  return found && { mediaType: found.mediaType, digest: found.digest, size: found.bytes.byteLength }
}

async function pullManifest(
  wire: Transport,
  reference: Reference,
): Promise<PulledManifest | undefined> {
  const request = manifestAsk(reference, 'GET')
  const { response } = await wire.ask(request)
  if (response.status === 404) {
    await discard(response)
    return undefined
  }
  if (!response.ok) throw await failure(response, request)
  const bytes = await manifestBody(response, `Manifest ${manifestName(reference)}`)
  wire.traffic.manifestBytesReceived += bytes.byteLength
  const said = response.headers.get('docker-content-digest')
  const want = reference.digest ?? (said !== null && isDigest(said) ? said : undefined)
  const digest = digestOf(bytes, want === undefined ? 'sha256' : digestParts(want).algorithm)
  if (want !== undefined && want !== digest)
    throw new AppError(
      'oci/digest-invalid',
      `${reference.registry} sent a manifest with digest ${digest}, expected ${want}`,
      { hints: ['The registry or a proxy before it holds damaged content. Tell its owner.'] },
    )
  const type = bareMediaType(response.headers.get('content-type'))
  const given = isManifestType(type) ? type : undefined
  const { mediaType } = parseManifest(bytes, given, `The manifest from ${reference.registry}`)
  return { digest, mediaType, bytes }
}

async function putManifest(
  wire: Transport,
  { registry, repository }: RepositoryRef,
  manifest: ManifestToPush,
): Promise<{ digest: Digest; subjectKnown: boolean }> {
  const { tag, digest = digestOf(manifest.bytes) } = manifest
  // Under a tag alone registries take it for its SHA-256.
  const isOdd = tag !== undefined && !digest.startsWith('sha256:')
  const reference = isOdd ? `${digest}${queryOf({ tag })}` : (tag ?? digest)
  const question = { registry, what: `push manifest ${repository}:${tag ?? digest}` }
  const { response } = await wire.ask({
    ...question,
    method: 'PUT',
    url: `/v2/${repository}/manifests/${reference}`,
    headers: { 'content-type': manifest.mediaType, ...conditionOf(manifest) },
    body: manifest.bytes,
    scopes: [`repository:${repository}:pull,push`],
  })
  if (!response.ok) throw await failure(response, question)
  await discard(response)
  wire.traffic.manifestBytesSent += manifest.bytes.byteLength
  const said = response.headers.get('docker-content-digest')
  const isAlike = said?.startsWith(`${digestParts(digest).algorithm}:`) === true
  if (isAlike && said !== digest) throw badAnswer(question, `it stored ${said}, sent was ${digest}`)
  if (isOdd && !response.headers.has('oci-tag'))
    throw badAnswer(question, `it does not set tags of ${digestParts(digest).algorithm} manifests`)
  return { digest, subjectKnown: response.headers.has('oci-subject') }
}

function conditionOf({ replaces }: ManifestToPush): Record<string, string> {
  if (replaces === undefined) return {}
  return replaces === 'absent' ? { 'if-none-match': '*' } : { 'if-match': `"${replaces}"` }
}

async function blobSize(
  wire: Transport,
  to: RepositoryRef,
  digest: Digest,
): Promise<number | undefined> {
  const question = { registry: to.registry, what: `look for blob ${digest}` }
  const url = `/v2/${to.repository}/blobs/${digest}`
  const scopes = [`repository:${to.repository}:pull`]
  let { response } = await wire.ask({ ...question, method: 'HEAD', url, scopes })
  if (knowsNoHead(response)) {
    const headers = { range: 'bytes=0-0' }
    response = (await wire.ask({ ...question, method: 'GET', url, scopes, headers })).response
    await discard(response)
  }
  if (response.status === 404) return undefined
  if (!response.ok && response.status !== 416) throw await failure(response, question)
  const text = sizeIn(response)
  if (!/^\d{1,15}$/.test(text)) throw badAnswer(question, 'it does not say how large the blob is')
  return Number(text)
}

/** Some proxies before registries let no HEAD through. */
function knowsNoHead({ status }: Response): boolean {
  return status === 405 || status === 501
}

/** How large something is, by an answer to HEAD, or to GET of its first byte. */
function sizeIn({ status, headers }: Response): string {
  const isOfPart = status === 206 || status === 416
  if (!isOfPart) return headers.get('content-length') ?? ''
  return /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1] ?? ''
}

async function remove(
  wire: Transport,
  { registry, repository }: RepositoryRef,
  path: string,
): Promise<boolean> {
  const question = { registry, what: `delete ${repository}/${path}` }
  const { response } = await wire.ask({
    ...question,
    method: 'DELETE',
    url: `/v2/${repository}/${path}`,
    scopes: [`repository:${repository}:pull,push,delete`],
  })
  if (response.status === 404) {
    await discard(response)
    return false
  }
  if (!response.ok) throw await failure(response, question)
  await discard(response)
  return true
}
