/**
 * Routes of uploads: begin, mount, add, ask, finish, cancel.
 *
 * Source: OCI distribution-spec 1.1, "Pushing Blobs", and its development text for DELETE and
 * `digest-algorithm`.
 */
import { AppError, type Bytes, type Digest } from '#kernel/index.ts'
import { assembled, assemblyHeaders, assemblyType } from '#oci/index.ts'
import { bodyOf, checkedDigest, contentLength, type RouteContext } from './context.ts'
import { problem } from './problems.ts'
import { receivedRange, uploadRange } from './ranges.ts'

interface UploadTarget {
  readonly name: string
  readonly id: string
}

/** POST: a mount, a whole blob in one request, or the beginning of an upload. */
export async function beginRoute(context: RouteContext, name: string): Promise<Response> {
  const { registry, query, request } = context
  const mount = query.get('mount')
  if (mount !== null) {
    const from = query.get('from')
    const blob = await registry.mount(name, {
      digest: checkedDigest(mount),
      mayRead: context.mayRead,
      ...(from === null ? {} : { from }),
    })
    if (blob !== undefined) return created(name, blob.digest)
  }
  const digest = query.get('digest')
  if (digest === null || mount !== null) {
    const id = await registry.startUpload(name, algorithmOf(query))
    return accepted(202, { name, id }, 0)
  }
  const want = checkedDigest(digest)
  const id = await registry.startUpload(name, want.startsWith('sha512') ? 'sha512' : 'sha256')
  try {
    await registry.appendUpload(name, id, { chunks: bodyOf(context), ...lengthOf(request) })
    return created(name, (await registry.finishUpload(name, id, want)).digest)
  } catch (error) {
    await registry.cancelUpload(name, id).catch(() => undefined)
    throw error
  }
}

/** GET, PATCH, PUT and DELETE of an upload that has begun. */
export async function uploadRoute(context: RouteContext, target: UploadTarget): Promise<Response> {
  const { registry, request, query } = context
  const { name, id } = target
  switch (request.method) {
    case 'GET':
      return accepted(204, target, await registry.uploadSize(name, id))
    case 'DELETE':
      await registry.cancelUpload(name, id)
      return new Response(null, { status: 204 })
    case 'PATCH':
      return await orWhereItIs(context, target, async () =>
        accepted(202, target, await append(context, target)),
      )
    default: {
      const digest = checkedDigest(query.get('digest') ?? '')
      return await orWhereItIs(context, target, async () => {
        if (contentLength(request) !== 0 && request.body !== null) await append(context, target)
        return created(name, (await registry.finishUpload(name, id, digest)).digest)
      })
    }
  }
}

async function append(context: RouteContext, target: UploadTarget): Promise<number> {
  const { registry, request } = context
  const range = uploadRange(request.headers.get('content-range') ?? undefined)
  const { sizeBytes: length } = lengthOf(request)
  if (range !== undefined && length !== undefined && range.sizeBytes !== length)
    throw new AppError(
      'oci/upload-invalid',
      `Content-Range has ${range.sizeBytes} bytes, Content-Length says ${length}`,
    )
  if (request.headers.get('content-type') === assemblyType) {
    const chunks = await assembledBody(context, target)
    return await registry.appendUpload(target.name, target.id, { chunks })
  }
  const sizeBytes = await registry.appendUpload(target.name, target.id, {
    chunks: bodyOf(context),
    ...(range ?? lengthOf(request)),
  })
  if (range !== undefined && sizeBytes < range.start + range.sizeBytes)
    throw new AppError(
      'oci/upload-invalid',
      `Content-Range has ${range.sizeBytes} bytes, ${sizeBytes - range.start} came`,
      { hints: ['What came is kept: ask how far the upload is, and go on from there.'] },
    )
  return sizeBytes
}

/** What a recipe stands for; its ranges are of a blob that this very repository has. */
async function assembledBody(context: RouteContext, { name }: UploadTarget): Promise<Bytes> {
  const { registry, request } = context
  const digest = checkedDigest(request.headers.get(assemblyHeaders.base) ?? '')
  const base = await registry.blob(name, digest)
  if (base === undefined) throw new AppError('oci/blob-unknown', `${name} has no blob ${digest}`)
  return assembled(bodyOf(context), {
    sizeBytes: base.sizeBytes,
    read: (range) => registry.readBlob(base, range),
  })
}

/** A part out of order is told how far the upload is, so that the client can go on from there. */
async function orWhereItIs(
  { registry }: RouteContext,
  target: UploadTarget,
  work: () => Promise<Response>,
): Promise<Response> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'oci/range-invalid') throw error
    const sizeBytes = await registry.uploadSize(target.name, target.id)
    return problem(error, { location: locationOf(target), range: receivedRange(sizeBytes) })
  }
}

function lengthOf(request: Request): { sizeBytes?: number } {
  const length = contentLength(request)
  return length === undefined ? {} : { sizeBytes: length }
}

function algorithmOf(query: URLSearchParams): 'sha256' | 'sha512' {
  const algorithm = query.get('digest-algorithm') ?? 'sha256'
  if (algorithm === 'sha256' || algorithm === 'sha512') return algorithm
  throw new AppError('oci/digest-invalid', `'${algorithm.slice(0, 40)}' is no known algorithm`, {
    hints: ['Use sha256 or sha512.'],
  })
}

function locationOf({ name, id }: UploadTarget): string {
  return `/v2/${name}/blobs/uploads/${id}`
}

function accepted(status: 202 | 204, target: UploadTarget, sizeBytes: number): Response {
  return new Response(null, {
    status,
    headers: {
      location: locationOf(target),
      range: receivedRange(sizeBytes),
      'docker-upload-uuid': target.id,
      [assemblyHeaders.offered]: 'v1',
    },
  })
}

function created(name: string, digest: Digest): Response {
  return new Response(null, {
    status: 201,
    headers: { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest },
  })
}
