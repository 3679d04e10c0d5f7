/**
 * References: `[registry/]repository[:tag][@digest]`, as docker and podman read them.
 *
 * Invariant: names, tags and digests that leave this module match the specification's patterns,
 * so they can be put into paths and URLs.
 * Source: OCI distribution-spec 1.1, "Pulling manifests"; distribution/reference for defaults.
 */
import { AppError, type Digest, isDigest } from '#kernel/index.ts'

export interface RepositoryRef {
  /** Host, and port if there is one: `ghcr.io`, `127.0.0.1:5000`. */
  readonly registry: string
  readonly repository: string
}

export interface Reference extends RepositoryRef {
  readonly tag?: string
  readonly digest?: Digest
}

const namePattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const registryPattern =
  /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}))(?::\d{1,5})?$/

const repositoryCharactersMax = 255

export function isRepositoryName(text: string): boolean {
  return text.length <= repositoryCharactersMax && namePattern.test(text)
}

export function isTag(text: string): boolean {
  return tagPattern.test(text)
}

/**
 * Parses a reference. Without a registry it is Docker Hub's, as docker does it.
 * @throws AppError `oci/bad-reference`
 */
export function parseReference(text: string): Reference {
  if (text.length > 1024) throw badReference(text, 'it is longer than 1024 characters')
  if (text.includes('://')) throw badReference(text, 'it begins with a scheme; leave that out')
  const [named = '', digest, ...more] = text.split('@')
  if (more.length > 0) throw badReference(text, 'it has more than one `@`')
  if (digest !== undefined && !isDigest(digest))
    throw badReference(text, `'${digest}' is not a digest`)
  const { registry, rest } = splitRegistry(named)
  const colon = rest.lastIndexOf(':')
  const tag = colon < 0 ? undefined : rest.slice(colon + 1)
  const name = colon < 0 ? rest : rest.slice(0, colon)
  if (tag !== undefined && !isTag(tag)) throw badReference(text, `'${tag}' is not a tag`)
  const repository = registry === 'docker.io' && !name.includes('/') ? `library/${name}` : name
  if (!isRepositoryName(repository)) throw badReference(text, nameFault(name))
  if (!registryPattern.test(registry)) throw badReference(text, `'${registry}' is not a host`)
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** The reference as text; `parseReference` gives back an equal one. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`
  return `${reference.registry}/${reference.repository}${tag}${digest}`
}

/** What goes into a manifest's URL: the digest, else the tag, else `latest`. */
export function manifestName(reference: Reference): string {
  return reference.digest ?? reference.tag ?? 'latest'
}

/** The tag under which clients of registries without the referrers API keep the list. */
export function referrersTag(subject: Digest): string {
  return subject.replace(':', '-').slice(0, 'sha256-'.length + 64)
}

/** Whether a host is this machine, where plain HTTP harms nobody. */
export function isLoopback(registry: string): boolean {
  const host = registry.replace(/:\d+$/, '')
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function splitRegistry(named: string): { registry: string; rest: string } {
  const slash = named.indexOf('/')
  const first = slash < 0 ? '' : named.slice(0, slash)
  if (!/[.:[]/.test(first) && first !== 'localhost') return { registry: 'docker.io', rest: named }
  const registry = first === 'index.docker.io' ? 'docker.io' : first
  return { registry, rest: named.slice(slash + 1) }
}

function nameFault(name: string): string {
  if (name === '') return 'the repository is missing'
  if (/[A-Z]/.test(name)) return `'${name}' has upper-case letters; repositories are lower case`
  return `'${name.slice(0, 80)}' is not a repository name`
}

function badReference(text: string, why: string): AppError {
  return new AppError('oci/bad-reference', `'${text.slice(0, 200)}' is not a reference: ${why}`, {
    hints: ['Write [registry/]repository[:tag][@digest], for example ghcr.io/org/imath:3.1.9.'],
  })
}
