/**
 * Rez's own benchmark as a `PackageSource`: families, versions and variants as candidates.
 *
 * Data: the packages and requests that Rez ships for `rez-benchmark` (Apache-2.0), with Rez 3.4's
 * answers. Candidates: newest version first; of one version the variant with the newest
 * requirements first, which is near to Rez's `version_priority` and not the same.
 * Not here: reading package.py.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { contains, parseRequirement, parseVersion, type Version } from '#model/index.ts'
import type { CandidateId, Dependency, PackageId, PackageSource } from '#solver/index.ts'

interface PackageData {
  readonly name: string
  readonly version: string
  readonly requires: readonly string[]
  readonly variants: readonly (readonly string[])[]
}

export interface RezAnswer {
  readonly status: string
  readonly cpu_seconds: number
  /** `name-version[variant]` */
  readonly resolved: readonly string[]
}

export interface RezBenchmark {
  readonly packages: readonly PackageData[]
  readonly requests: readonly (readonly string[])[]
  readonly results: readonly RezAnswer[]
}

export function readBenchmark(): RezBenchmark {
  const bytes = gunzipSync(readFileSync(join(import.meta.dir, 'data/rez-benchmark.json.gz')))
  const data: RezBenchmark = JSON.parse(bytes.toString())
  return data
}

export interface RezCandidate {
  readonly name: string
  readonly version: Version
  /** Index of the variant; -1 when the package has none. */
  readonly variant: number
  readonly requires: readonly string[]
}

export interface RezSource extends PackageSource {
  roots(request: readonly string[]): readonly Dependency[]
  candidate(id: CandidateId): RezCandidate
}

interface Family {
  readonly versions: Version[]
  readonly ids: CandidateId[]
  readonly accepted: Map<string, ReadonlySet<CandidateId>>
}

interface State {
  readonly families: Map<string, Family>
  readonly names: string[]
  readonly packageIds: Map<string, PackageId>
  readonly candidates: RezCandidate[]
  readonly dependencies: Map<string, Dependency>
  readonly byName: ReadonlyMap<string, readonly PackageData[]>
}

/** All packages behind ids; ranges are looked at when they are asked for first. */
export function rezSource(data: RezBenchmark): RezSource {
  const state: State = {
    families: new Map(),
    names: [],
    packageIds: new Map(),
    candidates: [],
    dependencies: new Map(),
    byName: Map.groupBy(data.packages, (one) => one.name),
  }
  const candidate = (id: CandidateId): RezCandidate => {
    const found = state.candidates[id]
    if (found === undefined) throw new TypeError('candidate ids come from the source')
    return found
  }
  return {
    candidates: (id) => familyOf(state, state.names[id] ?? '').ids,
    packageOf: (id) => idOf(state, candidate(id).name),
    dependencies: (id) => candidate(id).requires.map((text) => dependencyOf(state, text)),
    roots: (request) => request.map((text) => dependencyOf(state, text)),
    candidate,
  }
}

function idOf(state: State, name: string): PackageId {
  const known = state.packageIds.get(name)
  if (known !== undefined) return known
  const id = state.names.push(name) - 1
  state.packageIds.set(name, id)
  return id
}

function familyOf(state: State, name: string): Family {
  const known = state.families.get(name)
  if (known !== undefined) return known
  const family: Family = { versions: [], ids: [], accepted: new Map() }
  state.families.set(name, family)
  const packages = (state.byName.get(name) ?? []).map((one) => ({
    one,
    version: parseVersion(one.version, 'rez'),
  }))
  packages.sort((a, b) => (a.version.key < b.version.key ? 1 : -1))
  for (const { one, version } of packages)
    for (const { variant, requires } of variantsOf(one)) {
      family.versions.push(version)
      family.ids.push(state.candidates.push({ name, version, variant, requires }) - 1)
    }
  return family
}

function dependencyOf(state: State, text: string): Dependency {
  const known = state.dependencies.get(text)
  if (known !== undefined) return known
  const { name, kind, versions } = parseRequirement(text, 'rez')
  const family = familyOf(state, name)
  const wanted = kind !== 'conflict'
  const key = `${wanted ? '' : '!'}${text.replace(/^[!~]/, '')}`
  let allowed = family.accepted.get(key)
  if (allowed === undefined) {
    const fits = (version: Version | undefined) =>
      version !== undefined && contains(versions, version) === wanted
    allowed = new Set(family.ids.filter((_id, at) => fits(family.versions[at])))
    family.accepted.set(key, allowed)
  }
  const made = { package: idOf(state, name), needed: kind === 'require', allowed, origin: 0 }
  state.dependencies.set(text, made)
  return made
}

function variantsOf({ requires, variants }: PackageData) {
  if (variants.length === 0) return [{ variant: -1, requires }]
  const keyed = variants.map((variant, index) => ({
    variant: index,
    requires: [...requires, ...variant],
    newest: variant.map(versionKey),
  }))
  return keyed.sort((a, b) => {
    for (const [at, left] of a.newest.entries()) {
      const right = b.newest[at] ?? left
      if (left !== right) return left < right ? 1 : -1
    }
    return a.newest.length - b.newest.length || a.variant - b.variant
  })
}

/** A key by which variants are compared: their requirement's version. */
function versionKey(text: string): string {
  const { versions } = parseRequirement(text, 'rez')
  return versions.intervals.at(-1)?.lower?.version.key ?? ''
}
