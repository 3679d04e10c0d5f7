/** Which tags of a repository a list means. */
import { namePattern } from '../access/pattern.ts'
import { isTag } from '../reference.ts'
import type { TagChoice } from './contract.ts'

/** Tags that Cosign keeps beside an image: signatures, attestations, SBOMs. */
const besidePattern = /^sha256-[0-9a-f]{64}\.(?:sig|att|sbom)$/

/** The tags that are chosen, in the order in which they came. */
export function chosenTags(tags: readonly string[], choice: TagChoice): readonly string[] {
  const { globs, semver, regex, newest } = choice
  const wanted = globs.map(namePattern)
  const unwanted = choice.except.map(namePattern)
  const fitting = tags.filter(
    (tag) =>
      isTag(tag) &&
      !besidePattern.test(tag) &&
      (wanted.length === 0 || wanted.some((fits) => fits(tag))) &&
      (semver === undefined || fitsRange(tag, semver)) &&
      (regex === undefined || regex.test(tag)) &&
      !unwanted.some((fits) => fits(tag)),
  )
  if (newest === undefined) return fitting
  const kept = new Set(fitting.toSorted(byAge).slice(-newest))
  return fitting.filter((tag) => kept.has(tag))
}

/** Of all tags those that Cosign keeps beside a manifest. */
export function tagsBeside(tags: readonly string[], digest: string): readonly string[] {
  const start = `${digest.replace(':', '-')}.`
  return tags.filter((tag) => besidePattern.test(tag) && tag.startsWith(start))
}

function fitsRange(tag: string, range: string): boolean {
  const version = versionOf(tag)
  return version !== undefined && Bun.semver.satisfies(version, range)
}

/** Older first; what has no version comes before what has one. */
function byAge(a: string, b: string): number {
  const [one, other] = [versionOf(a), versionOf(b)]
  if (one !== undefined && other !== undefined) return Bun.semver.order(one, other)
  if (one === undefined && other === undefined) return a < b ? -1 : 1
  return one === undefined ? -1 : 1
}

/** `v1.2` as `1.2.0`; undefined for what is no version. */
function versionOf(tag: string): string | undefined {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?([-+][0-9A-Za-z.-]+)?$/.exec(tag)
  if (match === null) return undefined
  const [, major = '0', minor = '0', patch = '0', rest = ''] = match
  return `${major}.${minor}.${patch}${rest}`
}
