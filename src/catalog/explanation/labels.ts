/**
 * What ids mean, for whoever tells about them: names, versions, and what a demand says.
 *
 * Invariant: labels are asked for few ids, after a search; they may be slow.
 */
import type { Requirement, Scheme, VersionSet } from '#model/index.ts'
import type { CandidateId, CoreFact, Dependency, PackageId } from '#solver/index.ts'

export interface CandidateLabel {
  /** Empty for a package without versions. */
  readonly version: string
  /** Sorts as the version does. */
  readonly key: string
  /** Tells candidates of one version apart where people do (`[0]`); else empty. */
  readonly variant: string
}

export interface DemandLabel {
  readonly name: string
  readonly kind: Requirement['kind']
  /** Canonical, as it is written in a request. */
  readonly text: string
  /** As it is written, for a conflict the range that is refused. */
  readonly versions: VersionSet
  /** Of a demand that is no candidate's: who asks, where it is not the user. */
  readonly by?: string | undefined
  readonly reason?: string | undefined
  /** How it is told that one candidate, or several, make it, where its kind does not say that. */
  readonly verbs?: { readonly one: string; readonly several: string } | undefined
  /** Why no candidate of the package meets it, where «there are only …» does not say it. */
  readonly lacking?: string | undefined
  /** Besides its range it asks for something; what a version has that does not meet that. */
  readonly special?: string | undefined
}

/** How a mode writes and sees things. */
export interface Labels {
  readonly scheme: Scheme
  readonly nameOf: (id: PackageId) => string
  readonly candidate: (id: CandidateId) => CandidateLabel
  readonly demand: (dependency: Dependency) => DemandLabel
  /** Where a fact may be changed: 0 in the request; undefined: nowhere. */
  readonly tier: (fact: CoreFact) => number | undefined
}

/** `openexr 3.1.5`, in Rez's scheme `openexr-3.1.5`. */
export function written({ scheme }: Labels, name: string, version: string): string {
  if (version === '') return name
  return `${name}${scheme === 'rez' ? '-' : ' '}${version}`
}

/** What a demand asks for, without the sign that says how: `imath >=3.1`. */
export function plainText({ text }: DemandLabel): string {
  return text.replace(/^[!~]/, '').replace(/ <(\S+) \| >\1$/, ' !=$1')
}
