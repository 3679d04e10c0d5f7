/**
 * Builds as bytes: the `catalog` artifact of a package, and its section in the local index.
 *
 * One line of JSON: every text once, sorted, and a row of numbers for each build (see
 * docs/formats/catalog.md).
 * Invariant: equal builds in any order give equal bytes; what is read was checked down to the
 * last text, so that nothing else has to.
 * Not here: fetching, files (`build-index.ts`).
 */
import { AppError, isDigest, limits } from '#kernel/index.ts'
import {
  isPackageName,
  isTarget,
  isVersion,
  isVirtualName,
  parseRange,
  parseRequirement,
  parseVersion,
} from '#model/index.ts'
import type { BuildEntry, BuildFacts } from './entry.ts'
import { type Reader, readerOf } from './reader.ts'

export const catalogMediaTypes = {
  artifact: 'application/vnd.backlot.catalog.v1',
  layer: 'application/vnd.backlot.catalog.v1+json',
} as const

/** The bytes of a package's `catalog` artifact; equal builds in any order give equal bytes. */
export function encodeCatalog(name: string, builds: readonly BuildEntry[]): Uint8Array {
  const other = builds.find((build) => build.name !== name)
  if (other !== undefined)
    throw new TypeError(`The catalog of ${name} cannot hold a build of ${other.name}`)
  return encodeBuilds(name, builds)
}

/** @throws AppError `solver/bad-catalog`, also for bytes that lie about the name. */
export function decodeCatalog(
  bytes: Uint8Array,
  from: { readonly name: string; readonly origin: string },
): readonly BuildEntry[] {
  const where = `The catalog of ${from.name} from ${from.origin}`
  const builds = decodeBuilds(bytes, { where, name: from.name, origin: from.origin })
  const other = builds.find((build) => build.name !== from.name)
  if (other === undefined) return builds
  throw badCatalog(where, `it holds a build of ${other.name}`)
}

function encodeBuilds(name: string, builds: readonly BuildEntry[]): Uint8Array {
  const unique = new Map(builds.map((build) => [build.manifest as string, build]))
  const sorted = [...unique.values()].sort((a, b) => (a.manifest < b.manifest ? -1 : 1))
  const texts = new Set<string>()
  // Written twice: once to collect the texts, once with their places.
  for (const build of sorted) rowOf(build, (text) => texts.add(text).size)
  const strings = [...texts].sort()
  const places = new Map(strings.map((text, index) => [text, index]))
  const rows = sorted.map((build) => rowOf(build, (text) => places.get(text) ?? -1))
  return new TextEncoder().encode(JSON.stringify({ catalog: 1, name, strings, builds: rows }))
}

function rowOf(build: BuildEntry, put: (text: string) => number): readonly unknown[] {
  const { config, manifest, layer } = build
  const options = Object.keys(config.options).sort()
  return [
    put(manifest),
    put(layer.digest),
    layer.size,
    put(config.name),
    put(config.version),
    put(config.buildId),
    put(config.target),
    config.platform === undefined ? -1 : put(config.platform),
    options.map((option) => {
      const value = config.options[option] ?? false
      return [put(option), typeof value === 'boolean' ? value : put(value)]
    }),
    config.requires.map((one) =>
      [one.name, one.range, one.version, one.interface, one.buildId].map(put),
    ),
    config.constraints.map(put),
    config.system.map((one) => [one.name, one.range, one.version].map(put)),
    config.host.map((one) => [one.name, one.range].map(put)),
    put(config.interface),
    put(config.recipe),
    config.epoch,
    config.deprecated === true ? 1 : 0,
    config.provides.map((one) => [one.name, one.version].map(put)),
  ]
}

/** @throws AppError `solver/bad-catalog` */
function decodeBuilds(
  bytes: Uint8Array,
  from: { readonly where: string; readonly name: string; readonly origin: string },
): readonly BuildEntry[] {
  const fail = (why: string): never => {
    throw badCatalog(from.where, why)
  }
  if (bytes.byteLength > limits.catalogBytesMax) return fail('it is too large')
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw badCatalog(from.where, 'it is not JSON', error)
  }
  if (typeof value !== 'object' || value === null) return fail('it is not an object')
  const members = new Map<string, unknown>(Object.entries(value))
  if (members.get('catalog') !== 1) return fail('it is of another version')
  if (members.get('name') !== from.name) return fail('it is of another package')
  const strings = members.get('strings')
  const builds = members.get('builds')
  if (!isTexts(strings)) return fail('its texts are not texts')
  if (!Array.isArray(builds)) return fail('it has no builds')
  const read = readerOf(strings, fail)
  const checks = newChecks()
  const entries = builds.map((row: unknown) => buildFrom({ read, checks }, row, from.origin))
  if (new Set(entries.map((entry) => entry.manifest)).size < entries.length)
    return fail('it holds a build twice')
  return entries
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}

const columns = 18

interface Decoding {
  readonly read: Reader
  readonly checks: Checks
}

function buildFrom(decoding: Decoding, value: unknown, origin: string): BuildEntry {
  const { read } = decoding
  const row = read.tuple(value, columns)
  const config = factsFrom(decoding, row)
  return {
    kind: 'build',
    name: config.name,
    version: parseVersion(config.version),
    config,
    manifest: read.text(row[0], 'a digest', isDigest),
    layer: { digest: read.text(row[1], 'a digest', isDigest), size: read.count(row[2]) },
    origin,
  }
}

function factsFrom({ read, checks }: Decoding, row: readonly unknown[]): BuildFacts {
  const nameAt = (place: unknown) => read.text(place, 'a package name', checks.name)
  const rangeAt = (place: unknown) => read.text(place, 'a range', checks.range)
  const versionAt = (place: unknown) => read.text(place, 'a version', checks.version)
  return {
    name: nameAt(row[3]),
    version: versionAt(row[4]),
    buildId: read.text(row[5], 'a build id', isBuildId),
    target: read.text(row[6], 'a target', isTarget),
    ...(row[7] === -1 ? {} : { platform: read.text(row[7], 'a platform', isAny) }),
    options: Object.fromEntries(read.list(row[8]).map((one) => optionFrom(read, one))),
    requires: read.list(row[9]).map((one) => {
      const [name, range, version, offered, id] = read.tuple(one, 5)
      return {
        name: nameAt(name),
        range: rangeAt(range),
        version: versionAt(version),
        interface: read.text(offered, 'a digest', isDigest),
        buildId: read.text(id, 'a build id', isAny),
      }
    }),
    constraints: read
      .list(row[10])
      .map((one) => read.text(one, 'a requirement', checks.requirement)),
    system: read.list(row[11]).map((one) => {
      const [name, range, version] = read.tuple(one, 3)
      return { name: nameAt(name), range: rangeAt(range), version: versionAt(version) }
    }),
    host: read.list(row[12]).map((one) => {
      const [name, range] = read.tuple(one, 2)
      return { name: read.text(name, 'a fact about a host', isVirtualName), range: rangeAt(range) }
    }),
    interface: read.text(row[13], 'a digest', isDigest),
    recipe: read.text(row[14], 'a digest', isDigest),
    epoch: read.count(row[15]),
    ...(read.count(row[16]) === 1 ? { deprecated: true } : {}),
    provides: read.list(row[17]).map((one) => {
      const [name, version] = read.tuple(one, 2)
      return { name: nameAt(name), version: versionAt(version) }
    }),
  }
}

function optionFrom(read: Reader, value: unknown): readonly [string, string | boolean] {
  const [option, chosen] = read.tuple(value, 2)
  const name = read.text(option, 'an option', isOption)
  return [name, typeof chosen === 'boolean' ? chosen : read.text(chosen, 'a value', isAny)]
}

const buildIdPattern = /^[0-9a-f]{64}$/
const optionPattern = /^[a-z][a-z0-9_-]{0,63}$/

/** Checks that parse; each text is parsed once for a document. */
interface Checks {
  readonly name: Check
  readonly range: Check
  readonly version: Check
  readonly requirement: Check
}
type Check = (text: string) => text is string

function newChecks(): Checks {
  return {
    name: once(isPackageName),
    range: once((text) => parses(() => parseRange(text))),
    version: once((text) => isVersion(text)),
    requirement: once((text) => parses(() => parseRequirement(text))),
  }
}

function once(check: (text: string) => boolean): Check {
  const good = new Set<string>()
  return (text): text is string => {
    if (good.has(text)) return true
    if (!check(text)) return false
    good.add(text)
    return true
  }
}

function isAny(_text: string): _text is string {
  return true
}

function isBuildId(text: string): text is string {
  return buildIdPattern.test(text)
}

function isOption(text: string): text is string {
  return optionPattern.test(text)
}

function parses(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch (error) {
    if (error instanceof AppError) return false
    throw error
  }
}

function badCatalog(where: string, why: string, cause?: unknown): AppError {
  return new AppError('solver/bad-catalog', `${where} cannot be read: ${why}`, {
    hints: ['`backlot catalog rebuild` makes it anew from the builds that are there.'],
    cause,
  })
}
