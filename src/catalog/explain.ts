/**
 * Why there is no answer, in short sentences, from the facts that clash.
 *
 * Facts that say the same of several versions are one phrase, and all phrases about one package
 * are one sentence. What narrows comes first, what cannot be comes last.
 * Hints are checked: «without this it can be solved» was solved before it is said.
 */
import { didYouMean, formatRange, type HostFact, isPrerelease } from '#model/index.ts'
import { type CoreFact, type Dependency, solve } from '#solver/index.ts'
import { isDeclared } from './candidate.ts'
import type { Catalog } from './entry.ts'
import type { ConflictFact, Resolution } from './resolution.ts'
import { accepts, type Demand, type Universe } from './universe.ts'

interface Failure {
  readonly catalog: Catalog
  readonly universe: Universe
  readonly roots: readonly Dependency[]
  readonly core: readonly CoreFact[]
  readonly host: readonly HostFact[]
}

/** Equal demands of several versions of one package, or one demand of the request. */
interface Claim {
  /** Empty for the request and the platform. */
  readonly from: string
  readonly versions: readonly string[]
  readonly demand: Demand
}

/** The outcome `unsolvable` with its explanation. */
export function explain(failure: Failure): Resolution & { readonly kind: 'unsolvable' } {
  const claims = claimsOf(failure.universe, [...hopeless(failure), ...failure.core])
  const byTarget = Map.groupBy(claims, (claim) => claim.demand.name)
  const told = [...byTarget].map(([name, about]) => sentenceAbout(failure, name, about))
  // What follows comes before what cannot be.
  const steps = told.filter((one) => !one.fails).map(({ text }) => text)
  const failures = told.filter((one) => one.fails).map(({ text }) => text)
  const hints = [
    ...[...byTarget].flatMap(([name, about]) => hintsAbout(failure, name, about)),
    ...hintsFromRoots(failure),
  ]
  return {
    kind: 'unsolvable',
    sentences: [...shortened(steps), ...shortened(failures)],
    hints: [...new Set(hints)].slice(0, hintsMax),
    facts: claims.map(factOf),
  }
}

const hintsMax = 6
/** One screen has to hold them; `facts` has all. */
const sentencesMax = 10
const namedMax = 5

function shortened(sentences: readonly string[]): readonly string[] {
  const more = sentences.length - sentencesMax
  if (more <= 1) return sentences
  return [...sentences.slice(0, sentencesMax), `(And ${more} more of this kind.)`]
}

function factOf({ from, versions, demand }: Claim): ConflictFact {
  const requirement = demand.text
  return from === '' ? { requirement } : { from: { name: from, versions }, requirement }
}

/** Demands of the request that nothing meets: told even when the clash is about another one. */
function hopeless({ roots, core }: Failure): readonly CoreFact[] {
  const told = new Set(core.map((fact) => fact.dependency))
  return roots
    .filter((root) => root.needed && [...root.allowed].length === 0 && !told.has(root))
    .map((dependency) => ({ from: 'request', dependency }))
}

/** The facts as claims: the request's first, then in the order in which they lead on. */
function claimsOf(universe: Universe, core: readonly CoreFact[]): readonly Claim[] {
  const claims = new Map<string, { from: string; versions: string[]; demand: Demand }>()
  for (const { from, dependency } of core) {
    const demand = universe.demand(dependency.origin)
    const candidate = from === 'request' ? undefined : universe.candidate(from)
    const name = candidate?.name ?? ''
    const key = `${name}|${demand.text}|${demand.by ?? ''}`
    const claim = claims.get(key) ?? { from: name, versions: [], demand }
    const text = candidate?.version.text
    if (text !== undefined && !claim.versions.includes(text)) claim.versions.push(text)
    claims.set(key, claim)
  }
  return inReadingOrder([...claims.values()])
}

function inReadingOrder(claims: readonly Claim[]): readonly Claim[] {
  const byFrom = Map.groupBy(claims, (claim) => claim.from)
  const order: Claim[] = []
  const seen = new Set([''])
  for (const from of seen)
    for (const claim of byFrom.get(from) ?? []) {
      order.push(claim)
      seen.add(claim.demand.name) // A set goes on over what is added while it is walked.
    }
  return [...order, ...claims.filter((claim) => !order.includes(claim))]
}

/** «openexr 3.1.5 needs imath <4 (4 has another namespace)», «you ask for imath 2». */
function phrase(claim: Claim): string {
  const reason = claim.demand.reason?.trim().replace(/\.$/, '')
  return reason === undefined ? plainPhrase(claim) : `${plainPhrase(claim)} (${reason})`
}

function plainPhrase({ from, versions, demand }: Claim): string {
  const { name, text, kind, by, exactly } = demand
  if (exactly?.side === 'name') return `${subject(from, versions, 'provide')} ${text}`
  if (exactly?.side === 'package') return `${from} ${listed(versions, 'and')} is that of ${text}`
  if (kind === 'require')
    return from !== ''
      ? `${subject(from, versions)} ${text}`
      : by === undefined
        ? `you ask for ${text}`
        : `${by} needs ${text}`
  const range = formatRange(demand.versions)
  const limit =
    kind === 'weak' ? `${name} ${range} only` : `no ${range === '*' ? name : `${name} ${range}`}`
  if (from !== '') return `${subject(from, versions, 'allow')} ${limit}`
  return by === undefined ? `you allow ${limit}` : `${by} allows ${limit}`
}

function subject(name: string, versions: readonly string[], verb = 'need'): string {
  return versions.length === 1
    ? `${name} ${versions[0]} ${verb}s`
    : `${name} ${listed(versions, 'and')} ${verb}`
}

interface Told {
  readonly text: string
  /** Whether the sentence says that something cannot be. */
  readonly fails: boolean
}

function sentenceAbout(failure: Failure, name: string, about: readonly Claim[]): Told {
  const claims = joined(about.map(phrase), 'and')
  const plain = claims.replace(/^you /, 'You ')
  const candidates = failure.universe.candidatesNamed(name)
  if (name.startsWith('__')) return { text: hostSentence(failure, name, plain), fails: true }
  if (candidates.length === 0)
    return { text: `${plain}, but ${nothingCalled(failure, name)}.`, fails: true }
  const fitting = candidates.filter((candidate) =>
    about.every(({ demand }) => accepts(demand, candidate, true)),
  )
  if (fitting.length === 0) {
    const versions = [...new Set(candidates.map((candidate) => candidate.version.text))]
    const text =
      about.length > 1
        ? `Because ${claims}, no ${name} fits.`
        : `${plain}, but ${noneFits(about[0]?.demand, name, versions)}.`
    return { text, fails: true }
  }
  const left = [...new Set(fitting.map((candidate) => candidate.version.text))]
  const text = listed(left, 'or')
  return about.length > 1
    ? { text: `Because ${claims}, only ${name} ${text} is left.`, fails: false }
    : { text: `${plain}: that is ${text}.`, fails: false }
}

function noneFits(demand: Demand | undefined, name: string, versions: readonly string[]): string {
  if (demand?.interface !== undefined)
    return `no build of ${name} offers the interface that it was built against`
  if (demand !== undefined && Object.keys(demand.options).length > 0)
    return `no ${name} in that range has these options (versions: ${listed(versions, 'and')})`
  return `there is only ${name} ${listed(versions, 'and')}`
}

function nothingCalled({ catalog }: Failure, name: string): string {
  const entries = catalog.entries(name)
  const providers = catalog.providers(name)
  if (providers.length > 0) return `none of ${listed(providers, 'and')}, which provide it, is here`
  if (entries.length === 0) return `there is no package called ${name}`
  return entries.every((entry) => entry.kind === 'system')
    ? `${name} is not installed on this system`
    : `no build of ${name} is for this target and platform, and no recipe makes one`
}

function hostSentence({ host }: Failure, name: string, claims: string): string {
  const fact = host.find((one) => one.name === name)
  return fact === undefined
    ? `${claims}, but this machine has no ${name}.`
    : `${claims}, but this machine has ${name} ${fact.version.text}.`
}

function hintsAbout(failure: Failure, name: string, about: readonly Claim[]): string[] {
  const { catalog, universe } = failure
  const entries = catalog.entries(name)
  const hints: string[] = []
  if (entries.length === 0 && !name.startsWith('__')) {
    const close = didYouMean(name, [...catalog.names()].sort())
    if (close !== undefined) hints.push(`Did you mean '${close}'?`)
  }
  for (const entry of entries)
    if (entry.kind === 'system' && entry.version === undefined && entry.install !== undefined)
      hints.push(`Install it: ${entry.install}`)
  const candidates = universe.candidatesNamed(name)
  const early = candidates.find(({ version }) => isPrerelease(version))
  const wanted = about.map(({ demand }) => demand)
  const fits = candidates.filter((one) => wanted.every((demand) => accepts(demand, one, true)))
  if (early !== undefined && fits.length > 0 && fits.every((one) => isPrerelease(one.version)))
    hints.push(`Only pre-releases fit; ask for one by name: '${name} ==${fits[0]?.version.text}'.`)
  return [...hints, ...optionHints(failure, name, wanted)]
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

/** Demands of the request that could be left out, each solved without it. */
function hintsFromRoots({ universe, roots, core }: Failure): string[] {
  const asked = core.flatMap((fact) => (fact.from === 'request' ? fact.dependency : []))
  if (asked.length < 2) return []
  return asked.slice(0, namedMax).flatMap((dependency) => {
    const rest = roots.filter((root) => root !== dependency)
    if (!rest.some((root) => root.needed)) return []
    const solution = solve(universe, rest, { conflictBudget: 2000, polishBudget: 0 })
    if (solution.kind !== 'solved') return []
    const { name, text, by } = universe.demand(dependency.origin)
    const id = solution.candidates.find((one) => universe.candidate(one).name === name)
    const gives =
      id === undefined ? '' : ` and gives ${name} ${universe.candidate(id).version.text}`
    const without = by === undefined ? `'${text}'` : `${by}'s '${text}'`
    return [`Without ${without} it can be solved${gives}.`]
  })
}

function joined(parts: readonly string[], word: 'and' | 'or'): string {
  const last = parts.at(-1) ?? ''
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} ${word} ${last}`
}

/** The first few of a list, and how many more there are. */
function listed(parts: readonly string[], word: 'and' | 'or'): string {
  if (parts.length <= namedMax) return joined(parts, word)
  return `${parts.slice(0, namedMax).join(', ')} ${word} ${parts.length - namedMax} more`
}
