/**
 * What the solver needs of a package definition, checked: requirements, variants, timestamp.
 *
 * Invariant: every requirement of a definition parses in Rez's scheme, or has wildcards. Attributes
 * that solving does not read are not looked at.
 * Source: rez 3.4 `package_resources.py` (schemas), `filesystem.py` (combined files).
 */
import { AppError } from '#kernel/index.ts'
import { contains, parseRange, parseRequirement, parseVersion } from '#model/index.ts'
import type { Literal, LiteralMap } from './python-literal.ts'
import { hasWildcard } from './wildcards.ts'

/** One version of a family. */
export interface RezPackage {
  /** Empty when the family has no versions. */
  readonly version: string
  /** The definition file, relative to the repository. */
  readonly file: string
  readonly mtimeMs: number
  readonly sizeBytes: number
  /** Seconds since 1970 of the release; 0 when unknown. */
  readonly timestamp: number
  readonly requires: readonly string[]
  /** Undefined when the package has no variants. */
  readonly variants: readonly (readonly string[])[] | undefined
}

export type Attributes = ReadonlyMap<Literal, Literal>

export type Demands = Pick<RezPackage, 'requires' | 'variants' | 'timestamp'>

const requirementsMax = 10_000
const requirementLengthMax = 4000
const versionsMax = 10_000
const overridesMax = 1000
const known = new Set<string>()

/** Demands of a definition. @throws AppError `interop/bad-definition`, `model/bad-requirement` */
export function demandsOf(attributes: Attributes): Demands {
  const variants = valueOf(attributes, 'variants')
  if (!Array.isArray(variants)) throw bad('variants is not a list')
  const timestamp = attributes.get('timestamp') ?? 0
  return {
    requires: requirements(valueOf(attributes, 'requires'), 'requires'),
    variants:
      variants.length === 0
        ? undefined
        : variants.map((variant: Literal, index) => requirements(variant, `variants[${index}]`)),
    timestamp: Number.isFinite(Number(timestamp)) ? Number(timestamp) : 0,
  }
}

/** What is not said is an empty list; `None` is no list, as in Rez. */
function valueOf(attributes: Attributes, key: string): Literal {
  const value = attributes.get(key)
  return value === undefined ? [] : value
}

function requirements(value: Literal, where: string): readonly string[] {
  if (!Array.isArray(value)) throw bad(`${where} is not a list`)
  if (value.length > requirementsMax) throw bad(`${where} has more than ${requirementsMax} items`)
  return value.map((item: Literal) => {
    if (typeof item !== 'string') throw bad(`${where} holds something that is not text`)
    if (item.length > requirementLengthMax)
      throw bad(`${where} holds a requirement of more than ${requirementLengthMax} characters`)
    // A wildcard stands for versions that are known when everything was read.
    if (!known.has(item) && !hasWildcard(item)) {
      parseRequirement(item, 'rez')
      known.add(item)
    }
    return item
  })
}

/** Versions of a combined file, each with its own attributes. @throws AppError */
export function combinedVersions(attributes: Attributes): [version: string, of: Attributes][] {
  const versions = attributes.get('versions')
  if (versions === undefined || versions === null || emptyList(versions)) {
    const version = attributes.get('version')
    return [[typeof version === 'string' ? version : '', attributes]]
  }
  if (!Array.isArray(versions)) throw bad('versions is not a list')
  if (versions.length > versionsMax) throw bad(`versions has more than ${versionsMax} items`)
  const overrides = attributes.get('version_overrides')
  if (isMap(overrides) && overrides.size > overridesMax)
    throw bad(`version_overrides has more than ${overridesMax} items`)
  const ranges = [...(isMap(overrides) ? overrides : [])].map(([range, values]) => {
    if (typeof range !== 'string' || !isMap(values)) throw bad('version_overrides is no mapping')
    return { set: parseRange(range, 'rez'), values }
  })
  return versions.map((text: Literal) => {
    if (typeof text !== 'string') throw bad('versions holds something that is not text')
    const version = parseVersion(text, 'rez')
    const changed = ranges
      .filter(({ set }) => contains(set, version))
      .flatMap((one) => [...one.values])
    return [text, new Map([...attributes, ...changed])]
  })
}

function emptyList(value: Literal): boolean {
  return Array.isArray(value) && value.length === 0
}

function isMap(value: Literal | undefined): value is LiteralMap {
  return value instanceof Map
}

/** Values of a JSON or YAML document as literals; what is none becomes `null`. */
export function literalOf(value: unknown): Literal {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  if (Array.isArray(value)) return value.map(literalOf)
  if (typeof value !== 'object') return null
  return new Map(Object.entries(value).map(([key, item]) => [key, literalOf(item)]))
}

/** The way back from `literalOf`, with texts changed; what has no name in JSON is left out. */
export function plainOf(
  value: Literal | undefined,
  change: (text: string) => string = (text) => text,
): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item: Literal) => plainOf(item, change))
  if (!(value instanceof Map)) return value
  return Object.fromEntries(
    [...value].flatMap(([key, item]: [Literal, Literal]) =>
      typeof key === 'string' || typeof key === 'number' ? [[key, plainOf(item, change)]] : [],
    ),
  )
}

export function bad(why: string): AppError {
  return new AppError('interop/bad-definition', why)
}
