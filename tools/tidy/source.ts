/**
 * Source files as the tidy rules see them: text, lines, syntax tree, and what they import.
 *
 * Invariant: an import is one however it is written: static, type-only, re-export, dynamic,
 * `import('…')` in a type, `require`, `/// <reference>`, or a worker's URL. A loader that is not
 * called but handed on imports a computed name.
 * Not here: what is allowed (`floors.ts`, `shape.ts`, `words.ts`).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Comment, parseSync } from 'oxc-parser'

/** What a rule has found. Lines count from 1. */
export interface Finding {
  readonly rule: string
  readonly path: string
  readonly line: number
  readonly message: string
}

/** A node of the syntax tree, as loosely as the rules need it. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export interface Import {
  /** As written; undefined when it is computed. */
  readonly specifier: string | undefined
  readonly line: number
}

export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  readonly nodes: readonly Node[]
  readonly comments: readonly Comment[]
  readonly imports: readonly Import[]
  readonly syntaxErrors: readonly string[]
  lineAt(offset: number): number
}

const skipped = new Set(['node_modules', '.git', '.backlot'])
/** Build products lie here; a folder of code may have the name. */
const skippedAtRoot = new Set(['dist', 'tmp'])

/** Paths of all files below a folder, relative to it, sorted; build products left out. */
export function filesBelow(root: string, under = ''): string[] {
  const entries = readdirSync(join(root, under), { withFileTypes: true })
  return entries
    .flatMap((entry) => {
      const path = under === '' ? entry.name : `${under}/${entry.name}`
      if (entry.isDirectory())
        return skipped.has(entry.name) || skippedAtRoot.has(path) ? [] : filesBelow(root, path)
      return entry.isFile() ? [path] : []
    })
    .sort()
}

/** Parses a TypeScript or JavaScript file. */
export function parseSource(root: string, path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8')
  const parsed = parseSync(path, text)
  const starts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)]
  const lineAt = (offset: number) => lineOf(starts, offset)
  const nodes = nodesBelow(parsed.program)
  const lines = text.split('\n')
  const imports = [
    ...nodes.flatMap((node) => importOf(node, lineAt)),
    ...loadersHandedOn(nodes, lineAt),
    ...parsed.comments.flatMap((comment) => referenceOf(comment, lineAt)),
  ]
  const syntaxErrors = parsed.errors.map((error) => error.message)
  return { path, text, lines, nodes, comments: parsed.comments, imports, syntaxErrors, lineAt }
}

function lineOf(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle
  }
  return low + 1
}

/** A value as a node, if it is one. */
export function asNode(value: unknown): Node | undefined {
  return isNode(value) ? value : undefined
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    'start' in value
  )
}

function nodesBelow(root: unknown): Node[] {
  const found: Node[] = []
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (Array.isArray(value)) waiting.push(...value)
    else if (isNode(value)) {
      found.push(value)
      waiting.push(...Object.values(value).filter((child) => typeof child === 'object'))
    }
  }
  return found.sort((a, b) => a.start - b.start || b.end - a.end)
}

/** The name that an expression like `process.env` reads, or undefined. */
export function dottedName(value: unknown): string | undefined {
  const node = asNode(value)
  if (node?.type === 'Identifier') return String(node['name'])
  if (node?.type === 'MetaProperty') return 'import.meta'
  if (node?.type !== 'MemberExpression') return undefined
  const object = dottedName(node['object'])
  const property = asNode(node['property'])
  const name = node['computed'] === true ? literalOf(property) : property?.['name']
  return object === undefined || typeof name !== 'string' ? undefined : `${object}.${name}`
}

function literalOf(value: unknown): string | undefined {
  const node = asNode(value)
  return node?.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : undefined
}

const withSource = new Set([
  'ImportDeclaration',
  'ExportAllDeclaration',
  'ExportNamedDeclaration',
  'ImportExpression',
  'TSImportType',
])
const loaders = new Set([
  'require',
  'module.require',
  'import.meta.require',
  'import.meta.resolve',
  'require.resolve',
  'mock.module',
])
const loaderNames = new Set(['require', 'import.meta.require', 'module.require', 'createRequire'])

function importOf(node: Node, lineAt: (offset: number) => number): Import[] {
  const source = importSource(node)
  if (source === undefined || source === null) return []
  return [{ specifier: literalOf(source), line: lineAt(node.start) }]
}

function importSource(node: Node): unknown {
  if (withSource.has(node.type)) return node['source']
  if (node.type === 'TSExternalModuleReference') return node['expression']
  const first = Array.isArray(node['arguments']) ? node['arguments'][0] : undefined
  const callee = dottedName(node['callee'])
  if (node.type === 'CallExpression' && loaders.has(callee ?? '')) return first
  if (node.type !== 'NewExpression') return undefined
  if (callee === 'Worker') return literalOf(first) === undefined ? undefined : first
  if (callee !== 'URL') return undefined
  return /\.[cm]?[jt]sx?(?:[?#].*)?$/.test(literalOf(first) ?? '') ? first : undefined
}

/** A loader under another name, or one that was made: what it loads is unknown. */
function loadersHandedOn(nodes: readonly Node[], lineAt: (offset: number) => number): Import[] {
  return nodes.flatMap((node) => {
    const handed = [node['init'], node['right'], node['expression'], node['imported']]
    if (node.type === 'CallExpression' && Array.isArray(node['arguments']))
      handed.push(...node['arguments'])
    return handed.some((value) => loaderNames.has(dottedName(value) ?? ''))
      ? [{ specifier: undefined, line: lineAt(node.start) }]
      : []
  })
}

/** `/// <reference path="…" />` couples files as an import does. */
function referenceOf({ value, start }: Comment, lineAt: (offset: number) => number): Import[] {
  const path = /^\/\s*<reference\s+path=["'](?<path>[^"']+)["']/.exec(value)?.groups?.['path']
  if (path === undefined) return []
  return [{ specifier: path.startsWith('.') ? path : `./${path}`, line: lineAt(start) }]
}
