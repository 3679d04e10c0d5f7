/**
 * Why a request has no answer, from recipes, builds, the platform and the machine.
 *
 * What demands and candidates are called is here; how a failure is told is in `explanation/`.
 * Hints say what else may help: a name that was misspelt, a line that installs something.
 */
import {
  didYouMean,
  formatRequirement,
  type HostFact,
  isAnySet,
  isPrerelease,
  isVirtualName,
  parseRequirement,
} from '#model/index.ts'
import type { CoreFact, Dependency, Solution } from '#solver/index.ts'
import { isDeclared } from './candidate.ts'
import type { Catalog } from './entry.ts'
import { explainFailure } from './explanation/explanation.ts'
import { type Fix, fixByRequest, type FixChange } from './explanation/fixes.ts'
import type { DemandLabel, Labels } from './explanation/labels.ts'
import { contextOf, listed } from './explanation/subjects.ts'
import { dayOf } from './left-out.ts'
import type { Resolution } from './resolution.ts'
import { accepts, type Demand, type Universe } from './universe.ts'

interface Failure {
  readonly catalog: Catalog
  readonly universe: Universe
  readonly roots: readonly Dependency[]
  readonly failed: Solution & { readonly kind: 'unsolvable' }
  readonly host: readonly HostFact[]
  /** Choices of options that would do, and that nobody asks for. */
  readonly unasked: readonly (readonly string[])[]
  /** The same question with these. */
  readonly whole: { readonly universe: Universe; readonly roots: readonly Dependency[] }
  /** Seconds since 1970, where what was released later is left out. */
  readonly until?: number | undefined
}

/** The outcome `unsolvable` with its explanation. */
export function explain(failure: Failure): Resolution & { readonly kind: 'unsolvable' } {
  const { universe, roots, failed } = failure
  const given = roots.filter(({ origin }) => universe.demand(origin).isGiven === true)
  const core = { facts: failed.core, minimal: failed.minimal }
  const labels = labelsOf(failure)
  const explanation = explainFailure({ source: universe, roots, core, labels, given })
  const demands = [...new Set(explanation.cores.flat().map(({ dependency }) => dependency.origin))]
  const byTarget = Map.groupBy(
    demands.map((origin) => universe.demand(origin)),
    ({ name }) => name,
  )
  const hints = [...byTarget].flatMap(([name, about]) => hintsAbout(failure, name, about))
  const { sentences, causes } = explanation
  const fixes = [...renamed(failure, labels), ...asking(failure), ...explanation.fixes]
  return { kind: 'unsolvable', sentences, causes, fixes, hints: [...new Set(hints)] }
}

/** The request with misspelt names mended, when that is all it takes. */
function renamed({ catalog, universe, roots }: Failure, labels: Labels): readonly Fix[] {
  const known = [...catalog.names()].sort()
  const changes: FixChange[] = []
  const mended = roots.map((root) => {
    const demand = universe.demand(root.origin)
    const { name, text, kind, versions, options } = demand
    const isUnknown = isNowhere(catalog, name)
    const near = isUnknown && demand.by === undefined ? didYouMean(name, known) : undefined
    if (near === undefined) return root
    const requirement = { name: near, kind, versions, options, text }
    const other = { ...requirement, text: formatRequirement(requirement) }
    changes.push({ change: 'replace', requirement: text, with: other.text })
    return universe.root(other)
  })
  if (changes.length === 0) return []
  const words = changes.map((change) => `${change.with} instead of ${change.requirement}`)
  const own = mended.filter(({ origin }) => universe.demand(origin).by === undefined)
  const asked = own.filter(({ needed }) => needed).map((root) => universe.nameOf(root.package))
  const about = { asked, named: new Set(changes.map((change) => change.with?.split(' ')[0] ?? '')) }
  const text = `ask for ${words.join(' and for ')}`
  return fixByRequest(contextOf(universe, labels), { roots: mended, changes, text, about })
}

/** The request with options that nobody in an answer asked for. */
function asking(failure: Failure): readonly Fix[] {
  const { universe, roots } = failure.whole
  const context = contextOf(universe, labelsOf({ ...failure, universe }))
  const own = roots.filter(({ needed, origin }) => needed && !universe.demand(origin).by)
  const asked = own.map((root) => universe.nameOf(root.package))
  return failure.unasked.flatMap((texts) => {
    const more = texts.map((text) => universe.root(parseRequirement(text)))
    const changes = texts.map((requirement): FixChange => ({ change: 'add', requirement }))
    const text = `ask for ${listed(texts, 'and')} too`
    const named = new Set(texts.map((one) => parseRequirement(one).name))
    return fixByRequest(context, {
      roots: [...roots, ...more],
      changes,
      text,
      about: { asked, named },
    })
  })
}

function isNowhere(catalog: Catalog, name: string): boolean {
  const isKnown = catalog.entries(name).length > 0 || catalog.providers(name).length > 0
  return !isKnown && !isVirtualName(name)
}

/** Names for ids. A candidate of the machine is called by its fact. */
function labelsOf(failure: Failure): Labels {
  const { universe } = failure
  return {
    scheme: 'native',
    nameOf: (id) => universe.nameOf(id),
    candidate: (id) => {
      const { text, key } = universe.candidate(id).version
      return { version: text, key, variant: '' }
    },
    demand: (dependency) => labelOf(failure, dependency),
    tier: (fact) => tierOf(failure, fact),
  }
}

function labelOf(failure: Failure, dependency: Dependency): DemandLabel {
  const demand = failure.universe.demand(dependency.origin)
  const { name, kind, text, versions, by, reason } = demand
  const special = specialOf(demand)
  const lacking = [...dependency.allowed].length > 0 ? undefined : lackingOf(failure, demand)
  const verbs = verbsOf(demand)
  return { name, kind, text, versions, by, reason, special, lacking, verbs }
}

/** A name and what answers to it. */
function verbsOf({ exactly, isGiven, kind }: Demand): DemandLabel['verbs'] {
  if (isGiven === true && kind === 'require') return { one: 'want', several: 'want' }
  if (exactly === undefined) return undefined
  return exactly.side === 'name'
    ? { one: 'provides', several: 'provide' }
    : { one: 'is that of', several: 'are those of' }
}

/** What does not meet a demand although its version does. */
function specialOf({ options, interface: digest, system }: Demand): string | undefined {
  if (Object.keys(options).length > 0) return 'with other options'
  if (digest !== undefined) return 'with another interface'
  return system === true ? 'from elsewhere' : undefined
}

/** What is a person's to change: the request, then the platform, then what recipes require. */
function tierOf({ universe }: Failure, { from, dependency }: CoreFact): number | undefined {
  const demand = universe.demand(dependency.origin)
  if (from === 'request') return demand.by === undefined ? 0 : 1
  // A build is as it was built, and a machine is as it is.
  const isFixed = demand.exactly !== undefined || isVirtualName(demand.name)
  if (universe.candidate(from).kind !== 'recipe' || isFixed) return undefined
  return 2
}

function lackingOf(failure: Failure, demand: Demand): string | undefined {
  const { name, options } = demand
  const candidates = failure.universe.candidatesNamed(name)
  if (isVirtualName(name)) return hostText(failure, name)
  if (candidates.length === 0) return nothingCalled(failure, name)
  const inRange = candidates.filter((one) => accepts({ ...demand, ...plain }, one, true))
  if (inRange.length === 0) return undefined
  if (inRange.every(({ version }) => isPrerelease(version)))
    return `only pre-releases of ${name} are in that range`
  if (demand.interface !== undefined)
    return `no build of ${name} offers the interface that it was built against`
  if (demand.system === true) return `${name} does not come with this system`
  return Object.keys(options).length > 0 ? optionsText(failure, demand) : undefined
}

/** The first option that there is not, or that has no such value; else that they do not meet. */
function optionsText({ catalog }: Failure, { name, versions, options }: Demand): string {
  const recipe = catalog.entries(name).find((entry) => entry.kind === 'recipe')?.recipe
  for (const [option, value] of Object.entries(options)) {
    if (recipe === undefined || isDeclared(recipe, { [option]: value })) continue
    return Object.hasOwn(recipe.options, option)
      ? `its option '${option}' has no value '${value}'`
      : `it has no option '${option}'`
  }
  return `no ${name}${isAnySet(versions) ? '' : ' in that range'} has these options`
}

const plain = { options: {}, interface: undefined, system: false }

function nothingCalled({ catalog, until }: Failure, name: string): string {
  const entries = catalog.entries(name)
  const providers = catalog.providers(name)
  if (providers.length > 0) return `none of ${listed(providers, 'and')}, which provide it, is here`
  if (entries.length === 0) return `there is no package called ${name}`
  if (entries.every((entry) => entry.kind === 'system'))
    return `${name} is not installed on this system`
  return until !== undefined && entries.some((entry) => entry.kind === 'recipe')
    ? `no ${name} is known to have been released by ${dayOf(until)}`
    : `no build of ${name} is for this target and platform, and no recipe makes one`
}

function hostText({ host }: Failure, name: string): string {
  const fact = host.find((one) => one.name === name)
  return `this machine has ${fact === undefined ? `no ${name}` : `${name} ${fact.version.text}`}`
}

function hintsAbout(failure: Failure, name: string, about: readonly Demand[]): string[] {
  const { catalog, universe } = failure
  const entries = catalog.entries(name)
  const hints: string[] = []
  if (isNowhere(catalog, name)) {
    const close = didYouMean(name, [...catalog.names()].sort())
    if (close !== undefined) hints.push(`Did you mean '${close}'?`)
  }
  for (const entry of entries)
    if (entry.kind === 'system' && entry.version === undefined && entry.install !== undefined)
      hints.push(`Install it: ${entry.install}`)
  const candidates = universe.candidatesNamed(name)
  const fits = candidates.filter((one) => about.every((demand) => accepts(demand, one, true)))
  if (fits.length > 0 && fits.every((one) => isPrerelease(one.version)))
    hints.push(`Only pre-releases fit; ask for one by name: '${name} ==${fits[0]?.version.text}'.`)
  return [...hints, ...optionHints(failure, name, about)]
}

function optionHints({ catalog }: Failure, name: string, wanted: readonly Demand[]): string[] {
  const recipe = catalog.entries(name).find((entry) => entry.kind === 'recipe')?.recipe
  if (recipe === undefined) return []
  const known = Object.keys(recipe.options)
  return wanted
    .filter((demand) => !isDeclared(recipe, demand.options))
    .map(() =>
      known.length === 0
        ? `${name} has no options.`
        : `Options of ${name}: ${known
            .map((option) => {
              const values = recipe.options[option]?.values ?? ['true', 'false']
              return `${option} (${values.join(', ')})`
            })
            .join('; ')}.`,
    )
}
