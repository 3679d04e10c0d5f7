/**
 * What zod found wrong, in words for the person who wrote the file.
 *
 * Invariant: one complaint for each mistake; of an entry that may have several forms, only the
 * mistakes of the form that it comes nearest to.
 */
import { z } from 'zod'
import { didYouMean } from './suggest.ts'
import type { Complaint, YamlPath, YamlText } from './yaml-text.ts'

/** Enough for a person; a file of nothing but mistakes must not take long. */
const issuesMax = 200
const keysMax = 20
/** What mistakes weigh when the form is looked for that an entry comes nearest to. */
const costs = { mistake: 1, wrongKindWithin: 10, unknownWord: 99, wrongKind: 100 } as const

type Issue = z.core.$ZodIssue
type RawIssue = z.core.$ZodRawIssue

/** The message of an issue, made while the schema that found it is still known. */
export function explainIssue(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : []
      // One line for each key, taken apart again in `complaintsOf`.
      return issue.keys
        .slice(0, keysMax)
        .map((key) => unknownKey(key, known))
        .join('\n')
    }
    case 'invalid_value': {
      const values = issue.values.map(String)
      const near = typeof issue.input === 'string' ? didYouMean(issue.input, values) : undefined
      const hint = near === undefined ? '' : ` (did you mean '${near}'?)`
      return `${shown(issue.input)} is not one of ${values.join(', ')}${hint}`
    }
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing'
      return `wants ${kindOf(issue.expected)}, and this is ${shown(issue.input)}`
    default:
      return undefined
  }
}

/** The issues as complaints about places in the text. */
export function complaintsOf(issues: readonly Issue[], yaml: YamlText): readonly Complaint[] {
  return complaintsAt(issues.slice(0, issuesMax), [], yaml)
}

function complaintsAt(issues: readonly Issue[], above: YamlPath, yaml: YamlText) {
  // A key that is missing because it is misspelt is one mistake, not two.
  const meant = new Set(issues.flatMap((issue) => suggestionsOf(issue)))
  return issues
    .filter((issue) => !(isMissing(issue) && meant.has(String(issue.path.at(-1)))))
    .flatMap((issue) => complaintOf(issue, above, yaml))
}

function isMissing(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.message === 'is missing'
}

/** The keys that unknown ones were probably meant to be. */
function suggestionsOf(issue: Issue): readonly string[] {
  if (issue.code !== 'unrecognized_keys') return []
  return [...issue.message.matchAll(/did you mean '([^']+)'/g)].map(([, key]) => key ?? '')
}

function complaintOf(issue: Issue, above: YamlPath, yaml: YamlText): readonly Complaint[] {
  const path = [...above, ...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys': {
      const messages = issue.message.split('\n')
      return issue.keys.slice(0, keysMax).map((key, index) => ({
        message: (messages[index] ?? '').replace(placeMark, nameOf(path)),
        ...yaml.placeOfKey(path, key),
      }))
    }
    case 'invalid_union':
      return complaintsAt(nearestForm(issue.errors), path, yaml)
    case 'invalid_key': {
      const [first] = issue.issues
      const key = String(path.at(-1))
      const place = yaml.placeOfKey(path.slice(0, -1), key)
      return [{ message: `'${key}' ${first?.message ?? 'is not a key'}`, ...place }]
    }
    default:
  }
  if (isMissing(issue)) return [missing(path, yaml)]
  const subject = startsSentence(issue.message) ? '' : `${subjectOf(path)} `
  return [{ message: subject + issue.message, ...yaml.placeOf(path) }]
}

function missing(path: YamlPath, yaml: YamlText): Complaint {
  const place = yaml.placeOf(path.slice(0, -1))
  const key = String(path.at(-1))
  // The caret points at where the entry begins, not at all of it.
  return {
    message: `'${key}' is missing in ${nameOf(path.slice(0, -1))}`,
    start: place.start,
    end: place.start + 1,
  }
}

/** The alternative with the fewest mistakes; what has the wrong kind of value altogether is last. */
function nearestForm(forms: readonly (readonly Issue[])[]): readonly Issue[] {
  const ranked = forms.map((issues) => ({ issues, cost: costOf(issues) }))
  ranked.sort((a, b) => a.cost - b.cost)
  return ranked[0]?.issues ?? []
}

function costOf(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    if (issue.code === 'invalid_union') {
      const cost = costOf(nearestForm(issue.errors))
      // The wrong kind of value somewhere within is no wrong kind of the whole.
      return sum + (issue.path.length === 0 ? cost : Math.min(cost, costs.wrongKindWithin))
    }
    if (issue.code === 'unrecognized_keys')
      return sum + issue.keys.length - suggestionsOf(issue).length / 2
    if (issue.path.length > 0) return sum + costs.mistake
    // A word that is none of those that are known says more than that it is no list.
    if (issue.code === 'invalid_value') return sum + costs.unknownWord
    const isWrongKind = issue.code === 'invalid_type' && !isMissing(issue)
    return sum + (isWrongKind ? costs.wrongKind : costs.mistake)
  }, 0)
}

const placeMark = '\u0001'

function unknownKey(key: string, known: readonly string[]): string {
  const near = didYouMean(key, known)
  const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean '${near}'?`
  return `unknown key '${key.slice(0, 80)}' in ${placeMark} (${hint})`
}

/** `package.versions[0]`; the whole file has no name of its own. */
function nameOf(path: YamlPath): string {
  if (path.length === 0) return 'the file'
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : `${at ? '.' : ''}${String(step)}`))
    .join('')
}

function subjectOf(path: YamlPath): string {
  return path.length === 0 ? 'the file' : `'${nameOf(path)}'`
}

/** Messages that name what they are about need no subject before them. */
function startsSentence(message: string): boolean {
  return !/^(?:is|has|wants|lists|repeats|contains) /.test(message)
}

function kindOf(expected: string): string {
  const kinds: Readonly<Record<string, string>> = {
    string: 'text',
    array: 'a list',
    object: 'a mapping',
    record: 'a mapping',
  }
  return kinds[expected] ?? expected
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value !== 'string') return 'a mapping'
  return value === '' ? 'empty' : `'${value.slice(0, 80)}'`
}
