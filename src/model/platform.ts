/**
 * VFX Reference Platforms: what a calendar year asks of versions.
 *
 * Invariant: every component of the data file becomes a range, or is known to ask nothing.
 * Source: platform-years.json, which names its own sources and where they disagree.
 * gcc, glibc and TBB are minimums for who provides and maximums for who builds; the other
 * components are wanted as they are.
 */
import { AppError } from '#kernel/index.ts'
import data from './platform-years.json'
import { formatRequirement, type Requirement } from './requirement.ts'
import { didYouMean } from './suggest.ts'
import { nextVersion, parseVersion, type Version } from './version.ts'
import {
  anyVersion,
  isAnySet,
  type Interval,
  made,
  unionOf,
  type VersionSet,
  versionSet,
} from './version-set.ts'

export interface Platform {
  /** `CY2024` */
  readonly year: string
  readonly status: 'final' | 'draft'
  /** By package name: imath, openexr, opencolorio, cpython, boost, … */
  readonly components: ReadonlyMap<string, VersionSet>
  /** `gcc`, `__glibc` and `onetbb`: minimum and maximum in one. */
  readonly minMax: ReadonlyMap<string, VersionSet>
  readonly gcc?: Version
  readonly glibc?: Version
  readonly tbb?: Version
  readonly cxxStandard?: number
  readonly cxx11Abi?: 0 | 1
  readonly macosDeploymentTarget?: string
}

interface Year {
  readonly status: string
  readonly gcc?: string
  readonly glibc?: string
  readonly cxx11Abi?: number
  readonly macos?: string
  readonly components: Readonly<Record<string, string>>
}

const years: ReadonlyMap<string, Year> = new Map(Object.entries<Year>(data.years))
const platforms = new Map<string, Platform>()

/** Oldest first. */
export const platformYears: readonly string[] = [...years.keys()]

/** @throws AppError `model/unknown-platform` */
export function findPlatform(year: string): Platform {
  const known = platforms.get(year)
  if (known) return known
  const entry = years.get(year)
  if (!entry) throw unknownPlatform(year)
  const platform = platformOf(year, entry)
  platforms.set(year, platform)
  return platform
}

/**
 * What a platform asks, as weak requirements: it puts nothing into an environment.
 * gcc, glibc and TBB are at least (`provide`) or at most (`build`) what the year says.
 */
export function platformRequirements(
  platform: Platform,
  role: 'provide' | 'build',
): readonly Requirement[] {
  const bounded = [...platform.minMax].map(([name, versions]) => {
    const lower = versions.intervals[0]?.lower
    const upper = versions.intervals.at(-1)?.upper
    const range = role === 'provide' ? made(lower, undefined) : made(undefined, upper)
    return weak(name, versionSet([range]))
  })
  const exact = [...platform.components].map(([name, versions]) => weak(name, versions))
  return [...bounded, ...exact]
}

/**
 * The versions that the site's wording stands for: `3.11.x`, `2.7.5 - 2.7.latest`,
 * `2017 Update 6`, `5.12 (with patch) or 5.13`, `latest`.
 * @throws AppError `model/bad-version`
 */
export function componentVersions(wording: string): VersionSet {
  const plain = wording.replaceAll(/\([^)]*\)/g, ' ').replaceAll(/\bwith \w+/g, ' ')
  return unionOf(...plain.split(/\bor\b/).map((part) => versionSet([intervalOf(part.trim())])))
}

function intervalOf(part: string): Interval {
  if (part === 'latest') return {}
  const [from = '', to = from] = part.split(/\s+-\s+/)
  const lower = parseVersion(numbered(from))
  const next = nextVersion(parseVersion(numbered(to)))
  return made({ version: lower, inclusive: true }, next && { version: next, inclusive: false })
}

/** Wildcards name their prefix; Intel's updates are the second number. */
function numbered(version: string): string {
  return version.replace(/\.(?:x|latest)$/, '').replace(/\s+Update\s+/, '.')
}

function platformOf(year: string, entry: Year): Platform {
  const components = new Map<string, VersionSet>()
  for (const [component, wording] of Object.entries(entry.components)) {
    if (component === 'cxx' || component === 'tbb') continue
    const versions = componentVersions(wording)
    if (!isAnySet(versions)) components.set(packageNames.get(component) ?? component, versions)
  }
  const { tbb: tbbWording, cxx } = entry.components
  const minMax = new Map<string, VersionSet>()
  if (entry.gcc !== undefined) minMax.set('gcc', componentVersions(entry.gcc))
  if (entry.glibc !== undefined) minMax.set('__glibc', componentVersions(entry.glibc))
  if (tbbWording !== undefined) minMax.set('onetbb', componentVersions(tbbWording))
  const [gcc, glibc, tbb] = ['gcc', '__glibc', 'onetbb'].map((name) => leastOf(minMax.get(name)))
  return {
    year,
    status: entry.status === 'final' ? 'final' : 'draft',
    components,
    minMax,
    ...(gcc && { gcc }),
    ...(glibc && { glibc }),
    ...(tbb && { tbb }),
    ...(cxx !== undefined && { cxxStandard: Number.parseInt(cxx.slice(3), 10) }),
    ...(entry.cxx11Abi !== undefined && { cxx11Abi: entry.cxx11Abi === 1 ? 1 : 0 }),
    ...(entry.macos !== undefined && { macosDeploymentTarget: entry.macos }),
  }
}

/** Our names of components, where the site's are others. */
const packageNames: ReadonlyMap<string, string> = new Map([
  ['python', 'cpython'],
  ['ocio', 'opencolorio'],
])

function leastOf(versions: VersionSet = anyVersion): Version | undefined {
  return versions.intervals[0]?.lower?.version
}

function weak(name: string, versions: VersionSet): Requirement {
  const requirement: Requirement = { name, kind: 'weak', versions, options: {}, text: '' }
  return { ...requirement, text: formatRequirement(requirement) }
}

function unknownPlatform(year: string): AppError {
  const digits = /^(?:cy)?[ -]?((?:20)?[0-9]{2})$/i.exec(year.trim())?.[1] ?? ''
  const likely = `CY${digits.length === 2 ? '20' : ''}${digits}`
  const near = years.has(likely) ? likely : didYouMean(year, platformYears)
  return new AppError('model/unknown-platform', `Unknown platform '${year.slice(0, 40)}'`, {
    hints: [
      ...(near === undefined ? [] : [`Did you mean '${near}'?`]),
      `Platforms: ${platformYears[0]} to ${platformYears.at(-1)}.`,
    ],
  })
}
