/**
 * Reading lockfiles.
 *
 * Invariant: what is returned has been checked member by member, and every dependency is a package
 * of the same environment and target. It is on the path of every `run`, so it is written out
 * instead of going through a schema library.
 */
import { AppError, type Digest, isDigest, limits } from '#kernel/index.ts'
import type {
  LockedChoice,
  LockedEnvironment,
  LockedHost,
  LockedPackage,
  LockedTarget,
  Lockfile,
} from './lockfile.ts'
import { isPackageName, isVirtualName } from './name.ts'
import type { OptionValue } from './requirement.ts'
import { isTarget, type Target } from './target.ts'

type Json = Readonly<Record<string, unknown>>

const bringBack = ['Bring back an earlier one, or remove it: `backlot lock` then writes it anew.']

/** A mistake and the place it is at, outermost first; becomes an AppError at the top. */
class Mistake extends Error {
  readonly at: string
  readonly hints: readonly string[]
  constructor(at: string, message: string, hints = bringBack) {
    super(message)
    this.at = at
    this.hints = hints
  }
}

/**
 * The lockfile in a text.
 * @param path Named in messages only.
 * @throws AppError `model/bad-lockfile`
 */
export function parseLockfile(text: string, path: string): Lockfile {
  if (text.length > limits.lockfileBytesMax)
    throw badLockfile(path, `it is larger than ${limits.lockfileBytesMax} bytes`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const merged = /^(?:<{7}|={7}|>{7})/m.test(text)
    throw badLockfile(path, merged ? 'it has merge markers' : 'it is not JSON', { cause })
  }
  try {
    return lockfile(value)
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    const { at, message, hints } = error
    throw badLockfile(path, `${at === '' ? 'it' : `'${at}'`} ${message}`, { hints })
  }
}

function lockfile(value: unknown): Lockfile {
  const format = isObject(value) ? value['lockfile'] : undefined
  if (typeof format === 'number' && format > 1)
    throw new Mistake('', `has format ${format}, and this Backlot reads format 1`, [
      'A newer Backlot wrote it: use one that reads it.',
      'Or remove it: `backlot lock` then writes it anew.',
    ])
  const root = object(value, '', ['lockfile', 'environments'])
  if (format !== 1) throw new Mistake('lockfile', 'is not 1')
  return { lockfile: 1, environments: record(root['environments'], 'environments', environment) }
}

function environment(value: unknown, at: string): LockedEnvironment {
  const entry = object(value, at, environmentKeys)
  const { platform, until } = entry
  const targets: Partial<Record<Target, LockedTarget>> = {}
  const found = record(entry['targets'], `${at}.targets`, target)
  for (const [name, members] of Object.entries(found)) {
    if (!isTarget(name)) throw new Mistake(`${at}.targets`, `has unknown target '${name}'`)
    targets[name] = members
  }
  return {
    ...(platform !== undefined && { platform: string(platform, `${at}.platform`) }),
    asked: list(entry['asked'] ?? [], `${at}.asked`, string),
    ...(entry['choice'] !== undefined && { choice: choice(entry['choice'], `${at}.choice`) }),
    ...(until !== undefined && { until: instant(until, `${at}.until`) }),
    request: digest(entry['request'], `${at}.request`),
    variables: record(entry['variables'], `${at}.variables`, string),
    targets,
  }
}

const environmentKeys = ['platform', 'asked', 'choice', 'until', 'request', 'targets', 'variables']

function choice(value: unknown, at: string): LockedChoice {
  const { excludeNewer, lowest } = object(value, at, ['excludeNewer', 'lowest'])
  if (lowest !== undefined && lowest !== 'all' && lowest !== 'direct')
    throw new Mistake(`${at}.lowest`, 'is neither all nor direct')
  return {
    ...(excludeNewer !== undefined && { excludeNewer: string(excludeNewer, `${at}.excludeNewer`) }),
    ...(lowest !== undefined && { lowest }),
  }
}

function instant(value: unknown, at: string): string {
  const text = string(value, at)
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new Mistake(at, 'is not a time such as 2026-01-31T23:59:59Z')
  return text
}

function target(value: unknown, at: string): LockedTarget {
  const entry = object(value, at, ['host', 'packages'])
  const packages = list(entry['packages'], `${at}.packages`, lockedPackage)
  const names = new Set(packages.map(({ name }) => name))
  if (names.size < packages.length) throw new Mistake(`${at}.packages`, 'names a package twice')
  for (const { name, depends } of packages)
    for (const wanted of depends)
      if (!names.has(wanted))
        throw new Mistake(`${at}.packages`, `lacks ${wanted}, which ${name} depends on`)
  return { packages, host: list(entry['host'], `${at}.host`, host) }
}

function host(value: unknown, at: string): LockedHost {
  const entry = object(value, at, ['name', 'range'])
  const name = string(entry['name'], `${at}.name`)
  if (!isVirtualName(name)) throw new Mistake(`${at}.name`, 'is not a fact about a host')
  return { name, range: string(entry['range'], `${at}.range`) }
}

const commonKeys = ['name', 'version', 'kind', 'depends', 'needs', 'provides'] as const

const packageKeys = {
  build: [...commonKeys, 'build', 'layer', 'size', 'options'],
  recipe: [...commonKeys, 'recipe', 'options'],
  system: [...commonKeys, 'range'],
} as const

function lockedPackage(value: unknown, at: string): LockedPackage {
  const kind = isObject(value) ? value['kind'] : undefined
  if (kind !== 'build' && kind !== 'recipe' && kind !== 'system')
    throw new Mistake(`${at}.kind`, 'is not build, recipe or system')
  const entry = object(value, at, packageKeys[kind])
  const name = string(entry['name'], `${at}.name`)
  if (!isPackageName(name)) throw new Mistake(`${at}.name`, 'is not a package name')
  const version = string(entry['version'], `${at}.version`)
  const depends = list(entry['depends'], `${at}.depends`, string)
  const { needs, provides } = entry
  const common = {
    name,
    version,
    depends,
    ...(needs !== undefined && { needs: list(needs, `${at}.needs`, string) }),
    ...(provides !== undefined && { provides: record(provides, `${at}.provides`, string) }),
  }
  switch (kind) {
    case 'build':
      return {
        ...common,
        kind,
        build: digest(entry['build'], `${at}.build`),
        layer: digest(entry['layer'], `${at}.layer`),
        size: size(entry['size'], `${at}.size`),
        ...(entry['options'] !== undefined && {
          options: record(entry['options'], `${at}.options`, option),
        }),
      }
    case 'recipe': {
      const options = record(entry['options'], `${at}.options`, option)
      return { ...common, kind, recipe: digest(entry['recipe'], `${at}.recipe`), options }
    }
    case 'system':
      return { ...common, kind, range: string(entry['range'], `${at}.range`) }
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function object(value: unknown, at: string, known: readonly string[]): Json {
  if (!isObject(value)) throw new Mistake(at, 'is not an object')
  for (const key in value)
    if (!known.includes(key)) throw new Mistake(at, `has unknown key '${key.slice(0, 80)}'`)
  return value
}

function record<T>(
  value: unknown,
  at: string,
  read: (member: unknown, at: string) => T,
): Record<string, T> {
  if (!isObject(value)) throw new Mistake(at, 'is not an object')
  // Without a prototype: a name is a member only when the file has it.
  const members: Record<string, T> = Object.create(null)
  for (const [key, member] of Object.entries(value))
    members[key] = read(member, `${at}.${key.slice(0, 80)}`)
  return members
}

function list<T>(value: unknown, at: string, read: (item: unknown, at: string) => T): T[] {
  if (!Array.isArray(value)) throw new Mistake(at, 'is not a list')
  return value.map((item, index) => read(item, `${at}[${index}]`))
}

function string(value: unknown, at: string): string {
  if (typeof value !== 'string') throw new Mistake(at, 'is not text')
  return value
}

function digest(value: unknown, at: string): Digest {
  if (typeof value !== 'string' || !isDigest(value)) throw new Mistake(at, 'is not a digest')
  return value
}

function size(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Mistake(at, 'is not a number of bytes')
  return value
}

function option(value: unknown, at: string): OptionValue {
  if (typeof value !== 'string' && typeof value !== 'boolean')
    throw new Mistake(at, 'is neither text nor true nor false')
  return value
}

function badLockfile(
  path: string,
  why: string,
  more: { readonly hints?: readonly string[]; readonly cause?: unknown } = {},
): AppError {
  const message = `${path} is not a lockfile: ${why}`
  return new AppError('model/bad-lockfile', message, { hints: bringBack, ...more })
}
