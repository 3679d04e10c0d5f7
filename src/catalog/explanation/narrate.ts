/**
 * A derivation as a few sentences, in the manner of PubGrub.
 *
 * A package of which one fact says all is not worth a sentence of its own: it is told on the way
 * («you ask for app, which needs core >=2, which needs imath»). Where several facts narrow a
 * package, they are one sentence with what is left; such a sentence gets a number when it is used
 * again later.
 * Invariant: what a sentence rests on was said before it, or is in it.
 * Source: PubGrub, docs/solver.md, «Error reporting».
 */
import { intersectionOf, isEmptySet } from '#model/index.ts'
import type { CandidateId, CoreFact, PackageId } from '#solver/index.ts'
import type { Known, Step } from './derive.ts'
import { plainText } from './labels.ts'
import type { Context } from './subjects.ts'
import {
  claimsOf,
  lackingText,
  leftText,
  phrases,
  together,
  triedText,
  verb,
  youAsk,
} from './wording.ts'

interface Sentence {
  readonly text: string
  /** How often later sentences that do not follow at once refer to it. */
  references: number
}

interface Telling extends Context {
  readonly sentences: Sentence[]
  /** Of what was concluded: the place of its sentence. */
  readonly concluded: Map<string, { readonly known: Known; readonly place: number }>
  readonly told: Set<string>
  readonly waiting: Known[]
}

/** The sentences of a derivation, the failure last. */
export function narrate(context: Context, end: Known): readonly string[] {
  const telling: Telling = {
    ...context,
    sentences: [],
    concluded: new Map(),
    told: new Set(),
    waiting: [],
  }
  tell(telling, end, 'failure')
  return numbered(telling.sentences)
}

const reference = /\u0001(\d+)\u0002/g

/** Numbers for the sentences that are referred to from afar. */
function numbered(sentences: readonly Sentence[]): readonly string[] {
  const numbers = new Map<number, number>()
  for (const [at, { references }] of sentences.entries())
    if (references > 0) numbers.set(at, numbers.size + 1)
  return sentences.map(({ text }, at) => {
    const number = numbers.get(at)
    const own = text.replaceAll(reference, (_all, to: string) => {
      const target = numbers.get(Number(to))
      return target === undefined ? '' : ` (${target})`
    })
    return number === undefined ? own : `(${number}) ${own}`
  })
}

/** Tells what a sentence about this package rests on, and then the sentence. */
function tell(telling: Telling, known: Known, role: 'failure' | 'left'): void {
  for (const step of known.steps) prepare(telling, step)
  if (role === 'failure' && isHopeless(telling, known)) return flush(telling, known)
  const base = known.steps.filter(isBase)
  // What fails further down is told of a package that was told of before.
  if (base.length === 1 && known.steps.length > 1)
    introduce(telling, { package: known.package, steps: base })
  flush(telling)
  const tried = known.steps.filter(({ failure }) => failure !== undefined)
  for (const step of tried) say(telling, triedSentence(telling, step))
  const others = known.steps.filter(({ failure }) => failure === undefined)
  const isToldAlone = tried.length > 0 && others.every(isBase)
  const end = { telling, known, role }
  say(telling, isToldAlone ? `So ${conclusion(end, 1)}.` : `Because ${premises(end, others)}.`)
  if (role === 'left')
    telling.concluded.set(keyOf(known), { known, place: telling.sentences.length - 1 })
}

function say({ sentences }: Telling, text: string): void {
  sentences.push({ text, references: 0 })
}

function isBase({ kind }: Step): boolean {
  return kind === 'asked' || kind === 'needed'
}

/** Makes known whose demands a step is about. */
function prepare(telling: Telling, { kind, because }: Step): void {
  if (because === undefined) return
  // What is refused is told against what is known of the other package, in the same breath.
  if (kind === 'refused' && isSimple(because))
    for (const step of because.steps) prepare(telling, step)
  else introduce(telling, because)
}

function introduce(telling: Telling, known: Known): void {
  const key = keyOf(known)
  if (telling.told.has(key) || known.steps.length === 0 || isSupposed(known)) return
  telling.told.add(key)
  if (isSimple(known)) {
    for (const step of known.steps) prepare(telling, step)
    telling.waiting.push(known)
    return
  }
  tell(telling, known, 'left')
}

/** Whether it is what is being tried. */
function isSupposed({ steps }: Known): boolean {
  return steps.some(({ kind, failure }) => kind === 'tried' && failure === undefined)
}

/** Whether one fact says all that is known of a package. */
function isSimple({ steps }: Known): boolean {
  const [only] = steps
  return steps.length === 1 && only !== undefined && isBase(only)
}

function keyOf({ package: about, steps }: Known): string {
  return `${about}:${steps.map(stepKey).join(';')}`
}

function stepKey({ kind, facts, out }: Step): string {
  const [first] = facts
  return [kind, facts.length, first?.from, first?.dependency.origin, out.size].join()
}

interface Chain {
  text: string
  /** Who needs what it ends with, and in how many steps from there. */
  parent: PackageId | undefined
  /** The package that it ends with, while it can be gone on from. */
  tail: PackageId | undefined
  isAsked: boolean
}

/** Whether one demand fails all by itself. */
function isHopeless(telling: Telling, known: Known): boolean {
  const [step] = known.steps
  return isSimple(known) && step !== undefined && claimsOf(telling, step.facts).length === 1
}

/** Says what waits to be said, as chains of «which needs», and that the last is not to be had. */
function flush(telling: Telling, hopeless?: Known): void {
  const chains: Chain[] = []
  for (const known of telling.waiting) {
    const [step] = known.steps
    if (step !== undefined) extend(telling, chains, step)
  }
  const [end] = hopeless?.steps ?? []
  const [fact] = end?.facts ?? []
  if (end !== undefined && fact !== undefined) {
    const last = extend(telling, chains, end)
    last.text += `, but ${lackingText(telling, fact.dependency)}`
    last.isAsked = false
  }
  telling.waiting.length = 0
  const asked = chains.filter(({ isAsked, text }) => isAsked && !text.includes(', which'))
  const others = chains.filter((chain) => !asked.includes(chain)).map(({ text }) => text)
  const [first] = others
  if (asked.length > 0) {
    const texts = asked.map(({ text }) => text)
    const joins = others.length === 1 && first?.startsWith(youAsk) === true
    others.splice(0, joins ? 1 : 0, together(joins ? [...texts, first] : texts))
  }
  for (const text of others) say(telling, `${capital(text)}.`)
}

function extend(telling: Telling, chains: Chain[], step: Step): Chain {
  const { about, kind, facts, because } = step
  const claims = claimsOf(telling, facts)
  const [claim] = claims
  if (kind === 'needed' && claims.length === 1 && claim?.label.kind === 'require') {
    const { reason } = claim.label
    const what = `${plainText(claim.label)}${reason === undefined ? '' : ` (${reason})`}`
    const last = chains.find(({ tail }) => tail !== undefined && tail === because?.package)
    const beside = chains.find(
      ({ parent }) =>
        parent !== undefined && parent === because?.package && claim.label.verbs === undefined,
    )
    const chain = last ?? beside
    if (chain !== undefined) {
      chain.text +=
        last === undefined ? ` and ${what}` : `, which ${verb(claim.label, false)} ${what}`
      // Of two that are needed, «which» would not say which.
      chain.tail = last === undefined ? undefined : about
      chain.parent = because?.package
      return chain
    }
  }
  const text = together(phrases(telling, facts))
  const parent = kind === 'needed' && claims.length === 1 ? because?.package : undefined
  const chain = { text, tail: about, parent, isAsked: kind === 'asked' }
  chains.push(chain)
  return chain
}

function capital(text: string): string {
  return text.replace(/^you /, 'You ').replace(/^every /, 'Every ')
}

interface End {
  readonly telling: Telling
  readonly known: Known
  readonly role: 'failure' | 'left'
}

/** «A 1.2 needs B <2 and C needs B >=2, no B fits both» */
function premises(end: End, steps: readonly Step[]): string {
  const { telling, known } = end
  const base = isSupposed(known) ? [] : steps.filter(isBase)
  const refused = steps.filter(({ kind }) => kind === 'refused')
  const texts = baseTexts(telling, known.package, base)
  if (refused.length === 0) return `${together(texts)}, ${conclusion(end, texts.length)}`
  const against = refused.map((step) => refusal(telling, step))
  // One base was told in a sentence of its own.
  const start = base.length > 1 ? [together(texts)] : []
  const all = shortened([...start, ...against])
  const text =
    all.length > 2 ? `${all.slice(0, -1).join('; ')}; and ${all.at(-1)}` : all.join(', and ')
  return `${text}${all.length > 2 ? ':' : ','} ${conclusion(end, 1)}`
}

/** Reasons that are told one by one; more of them are counted. */
const reasonsMax = 4

function shortened(reasons: readonly string[]): readonly string[] {
  const more = reasons.length - reasonsMax + 1
  if (more < 2) return reasons
  return [...reasons.slice(0, -more), `${more} more versions or variants fail in such a way`]
}

/** What was said of a package: the conclusion from most of it where there is one, and the rest. */
function baseTexts(telling: Telling, about: PackageId, base: readonly Step[]): readonly string[] {
  const keys = new Set(base.map(stepKey))
  const [most] = [...telling.concluded.values()]
    .map(({ known }) => known)
    .filter((known) => known.package === about)
    .filter(({ steps }) => steps.every((step) => keys.has(stepKey(step))))
    .toSorted((a, b) => b.steps.length - a.steps.length)
  const told = new Set((most?.steps ?? []).map(stepKey))
  const rest = base.filter((step) => !told.has(stepKey(step)))
  const before = most === undefined ? [] : [`${leftOf(telling, most)}${markOf(telling, most)}`]
  return [...before, ...rest.map((step) => together(phrases(telling, step.facts)))]
}

/** What is left, after so many premises. */
function conclusion({ telling, known, role }: End, count: number): string {
  const out = new Set(known.steps.flatMap((step) => [...step.out]))
  if (role === 'left') return leftText(telling, known.package, out)
  const name = telling.labels.nameOf(known.package)
  const fits = count === 1 ? 'is left' : count === 2 ? 'fits both' : 'fits all of them'
  return `no ${name} ${fits}${gapText(telling, known)}`
}

/** Which versions there are, where the ranges alone would leave some. */
function gapText(telling: Telling, { steps }: Known): string {
  const facts = steps.flatMap((step) => step.facts)
  const labels = claimsOf(telling, facts).map(({ label }) => label)
  if (!steps.every(isBase)) return ''
  if (labels.some(({ kind, special }) => kind === 'conflict' || special !== undefined)) return ''
  const both = labels.map(({ versions }) => versions).reduce(intersectionOf)
  const [first] = facts
  if (isEmptySet(both) || first === undefined) return ''
  return ` (${lackingText(telling, first.dependency)})`
}

/** «X 3 needs P >=5, but you ask for P <5». */
function refusal(telling: Telling, { facts, because }: Step): string {
  const who = together(phrases(telling, facts))
  if (because === undefined || because.steps.length === 0)
    return `${who}, but ${lackingOf(telling, facts)}`
  if (!isSimple(because))
    return `${who}, but ${leftOf(telling, because)}${markOf(telling, because)}`
  const other = because.steps.flatMap((step) => phrases(telling, step.facts))
  return `${who}, but ${together(other)}`
}

function lackingOf(telling: Telling, facts: readonly CoreFact[]): string {
  const [first] = facts
  return first === undefined ? '' : lackingText(telling, first.dependency)
}

function leftOf(telling: Telling, { package: about, steps }: Known): string {
  const out = new Set<CandidateId>(steps.flatMap((step) => [...step.out]))
  return leftText(telling, about, out)
}

/** The number of the sentence that concluded this, when it is not the one just before. */
function markOf(telling: Telling, known: Known | undefined): string {
  const at = known === undefined ? undefined : telling.concluded.get(keyOf(known))?.place
  const sentence = at === undefined ? undefined : telling.sentences[at]
  if (at === undefined || sentence === undefined) return ''
  if (at < telling.sentences.length - 1) sentence.references += 1
  return `\u0001${at}\u0002`
}

/** «With usd 24.3: …», the sentences of its failure in one. */
function triedSentence(telling: Telling, { about, out, failure }: Step): string {
  if (failure === undefined) return ''
  const inner: Telling = {
    ...telling,
    sentences: [],
    concluded: new Map(),
    told: new Set(telling.told),
    waiting: [],
  }
  tell(inner, failure, 'failure')
  const sentences = inner.sentences.map(({ text }) => text.replaceAll(reference, ''))
  return `With ${triedText(telling, about, out)}: ${sentences.join(' ')}`
}
