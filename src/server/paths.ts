/**
 * What a path under `/v2/` asks for, as a value; names, digests and ids are checked here.
 *
 * Invariant: nothing of a path goes further than this module before it matched its pattern.
 * Source: OCI distribution-spec 1.1, "Endpoints".
 */
import { AppError } from '#kernel/index.ts'
import { isRepositoryName } from '#oci/index.ts'

export type Target =
  | { readonly kind: 'ping' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'blob'; readonly name: string; readonly digest: string }
  | { readonly kind: 'uploads'; readonly name: string }
  | { readonly kind: 'upload'; readonly name: string; readonly id: string }
  | { readonly kind: 'manifest'; readonly name: string; readonly reference: string }
  | { readonly kind: 'tags'; readonly name: string }
  | { readonly kind: 'referrers'; readonly name: string; readonly digest: string }

const pathCharactersMax = 1024
const uploadsPattern = /^\/v2\/(.+)\/blobs\/uploads(?:\/([^/]*))?$/
const tagsPattern = /^\/v2\/(.+)\/tags\/list$/
const objectPattern = /^\/v2\/(.+)\/(blobs|manifests|referrers)\/([^/]+)$/

/** Undefined for a path that is none of ours. @throws AppError `oci/name-invalid` */
export function parsePath(encoded: string): Target | undefined {
  const path = decoded(encoded)
  if (path === undefined) return undefined
  if (path === '/v2/' || path === '/v2') return { kind: 'ping' }
  if (path === '/v2/_catalog') return { kind: 'catalog' }
  const upload = uploadsPattern.exec(path)
  if (upload !== null) {
    const [, name = '', id = ''] = upload
    return id === ''
      ? { kind: 'uploads', name: checkedName(name) }
      : { kind: 'upload', name: checkedName(name), id }
  }
  const tags = tagsPattern.exec(path)
  if (tags !== null) return { kind: 'tags', name: checkedName(tags[1] ?? '') }
  const [, name = '', kind, last = ''] = objectPattern.exec(path) ?? []
  switch (kind) {
    case 'blobs':
      return { kind: 'blob', name: checkedName(name), digest: last }
    case 'manifests':
      return { kind: 'manifest', name: checkedName(name), reference: last }
    case 'referrers':
      return { kind: 'referrers', name: checkedName(name), digest: last }
    default:
      return undefined
  }
}

/** The methods that a target answers to. */
export function methodsOf(target: Target): readonly string[] {
  switch (target.kind) {
    case 'blob':
      return ['GET', 'HEAD', 'DELETE']
    case 'manifest':
      return ['GET', 'HEAD', 'PUT', 'DELETE']
    case 'uploads':
      return ['POST']
    case 'upload':
      return ['GET', 'PATCH', 'PUT', 'DELETE']
    default:
      return ['GET', 'HEAD']
  }
}

function decoded(path: string): string | undefined {
  if (path.length > pathCharactersMax) return undefined
  try {
    return path.includes('%') ? decodeURIComponent(path) : path
  } catch {
    return undefined
  }
}

function checkedName(name: string): string {
  if (isRepositoryName(name)) return name
  throw new AppError('oci/name-invalid', `'${name.slice(0, 80)}' is not a repository name`, {
    hints: [
      'Use lower-case letters and digits, joined by `.`, `_` or `-`, in parts joined by `/`.',
    ],
  })
}
