/**
 * YAML as plain values whose scalars are all text, and the way back from a value to its place.
 *
 * Invariant: `3.10` stays `3.10`. What could surprise is refused: aliases, tags, duplicate or
 * non-text keys, several documents, deep nesting.
 * Not here: what the values mean (`project-schema.ts`).
 */
import { AppError, limits } from '#kernel/index.ts'
import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, type YAMLMap } from 'yaml'
import { startOf, underlined } from './underlined.ts'

export type YamlPath = readonly PropertyKey[]

export interface YamlText {
  /** Maps, lists and strings only. */
  readonly value: unknown
  /** The place of the value at a path, or of the nearest value around it. */
  placeOf(path: YamlPath): Place
  /** The place of a key of the map at a path. */
  placeOfKey(path: YamlPath, key: string): Place
}

/** Offsets into the text; `end` is exclusive. */
export interface Place {
  readonly start: number
  readonly end: number
}

export interface Complaint extends Place {
  readonly message: string
}

const depthMax = 40
/** Where the keys of the file are described, unless another file is read. */
const projectGuide = 'docs/formats/backlot-yaml.md'
const complaintsShown = 5

/**
 * The one document in a text.
 * @throws AppError `model/bad-file`
 */
export function parseYaml(text: string, path: string, guide = projectGuide): YamlText {
  const bad = (complaints: readonly Complaint[]) => badFile(text, path, complaints, guide)
  if (text.length > limits.recipeBytesMax)
    throw new AppError('model/bad-file', `${path} is larger than ${limits.recipeBytesMax} bytes`, {
      hints: [`Is it the right file? ${guide} describes what belongs into it.`],
    })
  const deep = tooDeep(text)
  if (deep !== undefined)
    throw bad([{ message: 'brackets nest too deep', start: deep, end: deep + 1 }])
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    uniqueKeys: false, // Its check takes quadratic time; `plain` has one that does not.
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
  })
  const [document, second] = Array.isArray(documents) ? documents : []
  const broken = (document?.errors ?? []).map((error) => ({
    message: error.message.startsWith('Maximum call') ? 'values nest too deep' : error.message,
    start: error.pos[0],
    end: error.pos[1],
  }))
  if (broken.length > 0) throw bad(broken)
  if (second) {
    const start = second.range[0]
    throw bad([{ message: 'the file holds a second document', start, end: start }])
  }
  const root = document?.contents ?? undefined
  if (root === undefined || !isMap(root)) {
    const [start] = root?.range ?? []
    const isEmpty = start === undefined || (isScalar(root) && root.value === '')
    const message = isEmpty ? 'the file has no keys' : 'the file is not a mapping (`key: value`)'
    throw bad([{ message, start: isEmpty ? 0 : start, end: start ?? 0 }])
  }
  const value = plain(root, (node, message) => bad([{ message, ...rangeOf(node) }]))
  return {
    value,
    placeOf: (at) => rangeOf(nodeAt(root, at)),
    placeOfKey: (at, key) => rangeOf(keyNode(nodeAt(root, at), key)),
  }
}

/** The error that shows complaints about a file, the first few with the lines they are about. */
export function badFile(
  text: string,
  path: string,
  complaints: readonly Complaint[],
  guide = projectGuide,
): AppError {
  const sorted = [...complaints].sort((a, b) => a.start - b.start)
  const shown = sorted.slice(0, complaintsShown).map((complaint) => {
    const { line, column, excerpt } = excerptOf(text, complaint)
    return `${path}:${line}:${column}: ${complaint.message}\n${excerpt}`
  })
  const left = sorted.length - shown.length
  if (left > 0) shown.push(`… and ${left} more`)
  return new AppError('model/bad-file', shown.join('\n'), {
    hints: [`${guide} describes every key.`],
  })
}

/** Brackets that nest without end would overrun the parser's stack before it could complain. */
function tooDeep(text: string): number | undefined {
  let open = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 91 || code === 123) open += 1
    else if (code === 93 || code === 125) open = Math.max(0, open - 1)
    if (open > 1000) return at
  }
  return undefined
}

type Complain = (node: Node | undefined, message: string) => AppError

function plain(node: unknown, complain: Complain, depth = 0): unknown {
  if (isAlias(node)) throw complain(node, 'aliases (`*name`) are not used in this file; repeat it')
  if (depth > depthMax) throw complain(nodeOf(node), `values nest deeper than ${depthMax}`)
  if (isScalar(node)) {
    if (node.tag !== undefined && node.tag !== 'tag:yaml.org,2002:str')
      throw complain(node, `tags (${node.tag.slice(0, 40)}) are not used in this file`)
    return typeof node.value === 'string' ? node.value : ''
  }
  if (isSeq(node)) return node.items.map((item) => plain(item, complain, depth + 1))
  if (isMap(node)) return plainMap(node, complain, depth)
  return ''
}

function plainMap(map: YAMLMap, complain: Complain, depth: number): unknown {
  const members = new Map<string, unknown>()
  for (const { key, value } of map.items) {
    if (!isScalar(key) || typeof key.value !== 'string')
      throw complain(nodeOf(key) ?? map, 'a key is not plain text')
    if (members.has(key.value)) throw complain(key, `key '${key.value.slice(0, 80)}' is here twice`)
    members.set(key.value, plain(value, complain, depth + 1))
  }
  return Object.fromEntries(members)
}

function nodeOf(value: unknown): Node | undefined {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : undefined
}

function nodeAt(root: YAMLMap, path: YamlPath): Node {
  let node: Node = root
  for (const step of path) {
    const next: unknown = isMap(node)
      ? node.items.find(({ key }) => isScalar(key) && key.value === step)?.value
      : isSeq(node) && typeof step === 'number'
        ? node.items[step]
        : undefined
    const found = nodeOf(next)
    if (!found) return node
    node = found
  }
  return node
}

function keyNode(node: Node, key: string): Node {
  if (!isMap(node)) return node
  const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key)
  return nodeOf(pair?.key) ?? node
}

function rangeOf(node: Node | undefined): Place {
  const [start = 0, end = start] = node?.range ?? []
  return { start, end }
}

/** Beside the number of the line this fits 80 columns. */
const excerptColumnsMax = 66

/** The line of a place, the one before it, and carets under what is meant. */
function excerptOf(text: string, { start, end }: Place) {
  // A search that begins before the text would still find its first character.
  const lineStart = start === 0 ? 0 : text.lastIndexOf('\n', start - 1) + 1
  const line = text.slice(0, lineStart).split('\n').length
  const found = text.slice(lineStart, lineEnd(text, lineStart))
  const column = Math.min(start - lineStart, found.length)
  const part = { at: column, length: end - start }
  const shown = underlined(found, part, excerptColumnsMax)
  const number = `${line}`
  const rows = [
    ...(lineStart === 0
      ? []
      : [row(`${line - 1}`.padStart(number.length), before(text, lineStart))]),
    row(number, shown.text),
    row(' '.repeat(number.length), shown.carets),
  ]
  return { line, column: column + 1, excerpt: rows.join('\n') }
}

function row(number: string, text: string): string {
  return `  ${number} | ${text}`.trimEnd()
}

function before(text: string, lineStart: number): string {
  const start = text.lastIndexOf('\n', lineStart - 2) + 1
  return startOf(text.slice(start, lineStart - 1), excerptColumnsMax)
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}
