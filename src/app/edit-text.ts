/**
 * Changing backlot.yaml as text: a requirement in, a requirement out, comments and order kept.
 *
 * Invariant: what is not edited keeps its bytes; only where a list is made or emptied is the file
 * written by the YAML library, which keeps comments and order. The caller checks the result by
 * parsing it as a project before anything is written.
 */
import { type Document, isSeq, isScalar, parseDocument, stringify, type YAMLSeq } from 'yaml'
import { AppError } from '#kernel/index.ts'
import { parseRequirement, parseTypedRequirement } from '#model/index.ts'
import { notAskedFor } from './refusals.ts'

/** The path of an environment's list of packages within backlot.yaml. */
function packagesPath(document: Document, environment: string): readonly string[] {
  const named = environment !== 'default' || document.hasIn(['environments', 'default'])
  return named ? ['environments', environment, 'packages'] : ['environment', 'packages']
}

function packagesOf(document: Document, environment: string): YAMLSeq {
  const path = packagesPath(document, environment)
  const found = document.getIn(path)
  if (isSeq(found)) return found
  document.setIn(path, document.createNode([]))
  const made = document.getIn(path)
  if (isSeq(made)) return made
  throw new AppError('cli/no-environment', `${path.join('.')} in backlot.yaml is not a list`, {
    hints: ['Write it as one: `packages: [openexr 3.1, imath]`.'],
  })
}

function nameOf(item: unknown): string | undefined {
  const text = isScalar(item) ? item.value : item
  return typeof text === 'string' ? parseRequirement(text).name : undefined
}

/** The text with requirements added; one of the same name is replaced where it stands. */
export function withRequirements(
  text: string,
  environment: string,
  requirements: readonly string[],
): string {
  return requirements.reduce((before, one) => withRequirement(before, environment, one), text)
}

function withRequirement(text: string, environment: string, requirement: string): string {
  const document = parseDocument(text, { schema: 'failsafe' })
  const packages = packagesOf(document, environment)
  const { name } = parseTypedRequirement(requirement)
  const found = packages.items.find((item) => nameOf(item) === name)
  const last = packages.items.at(-1)
  if (found !== undefined) {
    const [start, end] = spanOf(found)
    return `${text.slice(0, start)}${written(requirement, packages)}${text.slice(end)}`
  }
  if (last === undefined) {
    packages.add(document.createNode(requirement))
    packages.flow = false
    return formatted(document, text)
  }
  const [start, end] = spanOf(last)
  const item = written(requirement, packages)
  if (packages.flow === true) return `${text.slice(0, end)}, ${item}${text.slice(end)}`
  const line = lineOf(text, start, end)
  const lineBreak = lineBreakOf(text)
  const before = text.slice(0, line.end)
  const joint = before.endsWith('\n') ? '' : lineBreak
  return `${before}${joint}${line.lead}${item}${lineBreak}${text.slice(line.end)}`
}

/** The text without these packages. @throws AppError `cli/not-in-environment` */
export function withoutRequirements(
  text: string,
  environment: string,
  names: readonly string[],
): string {
  const { items } = packagesOf(parseDocument(text, { schema: 'failsafe' }), environment)
  const asked = items.flatMap((item) => nameOf(item) ?? [])
  const stray = names.find((name) => !asked.includes(name))
  if (stray !== undefined) throw notAskedFor(stray, asked)
  return asked
    .filter((name) => names.includes(name))
    .reduce((before, name) => withoutRequirement(before, environment, name), text)
}

function withoutRequirement(text: string, environment: string, name: string): string {
  const document = parseDocument(text, { schema: 'failsafe' })
  const packages = packagesOf(document, environment)
  const at = packages.items.findIndex((item) => nameOf(item) === name)
  const [start, end] = spanOf(packages.items[at])
  if (packages.flow === true) {
    const [next, before] = [packages.items[at + 1], packages.items[at - 1]]
    const from = next === undefined && before !== undefined ? spanOf(before)[1] : start
    const to = next === undefined ? end : spanOf(next)[0]
    return text.slice(0, from) + text.slice(to)
  }
  if (packages.items.length > 1) {
    const line = lineOf(text, start, end)
    return text.slice(0, line.start) + text.slice(line.end)
  }
  packages.delete(at)
  packages.flow = true
  return formatted(document, text)
}

/** Where an item's value begins and ends in the text. */
function spanOf(item: unknown): readonly [start: number, end: number] {
  const range = isScalar(item) ? item.range : undefined
  if (range) return [range[0], range[1]]
  throw new AppError('model/bad-file', 'The packages in backlot.yaml are not all plain text', {
    hints: ['Change this list by hand: what has a `when:` is not changed by a command.'],
  })
}

/** The lines of a list's item, with the line break after them, and what stands before its value. */
function lineOf(text: string, start: number, end: number) {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const lead = text.slice(lineStart, start)
  if (!/^[ \t]*-[ \t]+$/.test(lead)) {
    const line = text.slice(0, start).split('\n').length
    throw new AppError('model/bad-file', `Line ${line} of backlot.yaml cannot be edited`, {
      hints: ['Write each package as `- NAME RANGE` on a line of its own.'],
    })
  }
  const lineEnd = text.indexOf('\n', end)
  return { start: lineStart, end: lineEnd === -1 ? text.length : lineEnd + 1, lead }
}

/** A requirement as YAML wants it in this list. */
function written(requirement: string, packages: YAMLSeq): string {
  const plain = stringify(requirement, { lineWidth: 0 }).trimEnd()
  return packages.flow === true && /[,[\]{}]/.test(plain) ? JSON.stringify(requirement) : plain
}

function formatted(document: Document, before: string): string {
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false })
  return text.replaceAll(/\r?\n/g, lineBreakOf(before))
}

function lineBreakOf(text: string): string {
  return /\r?\n/.exec(text)?.[0] ?? '\n'
}
