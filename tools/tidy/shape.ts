/**
 * The shape of a file: its name, size and header, and which constructs of the language it uses.
 *
 * Source: the style rules in CONTRIBUTING.md.
 * Not here: formatting (Biome) and types (tsc, oxlint).
 */
import { isTest, roomOf } from './floors.ts'
import { asNode, dottedName, type Finding, type Node, type SourceFile } from './source.ts'

const fileLinesMax = 500
const functionLinesMax = 70
const lineWidthMax = 100
const kebabPath = /^(?:[a-z0-9.]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)+$/
const drawers = /(?:^|\/)(?:utils?|helpers?|common|misc|types)(?:\/|\.ts$)/

/** Every broken rule of one file. */
export function shapeFindings(file: SourceFile): Finding[] {
  return [
    ...file.syntaxErrors.map((message) => found('syntax', file, 1, message)),
    ...nameFindings(file),
    ...sizeFindings(file),
    ...headerFindings(file),
    ...constructFindings(file),
    ...environmentFindings(file),
    ...testFindings(file),
  ]
}

function found(rule: string, file: SourceFile, line: number, message: string): Finding {
  return { rule, path: file.path, line, message }
}

function nameFindings(file: SourceFile): Finding[] {
  if (!kebabPath.test(file.path)) return [found('name', file, 1, 'use kebab-case names')]
  if (drawers.test(file.path))
    return [found('name', file, 1, 'name the file after what it does, not after a drawer')]
  return []
}

function sizeFindings(file: SourceFile): Finding[] {
  const lines = file.lines.length - 1
  const templates = file.nodes.filter((node) => node.type === 'TemplateLiteral')
  const isInTemplate = (line: number) =>
    templates.some(({ start, end }) => file.lineAt(start) < line && line < file.lineAt(end))
  const long = file.lines.flatMap((line, index) =>
    line.length > lineWidthMax && !isOneString(line) && !isInTemplate(index + 1)
      ? [found('width', file, index + 1, `${line.length} columns, at most ${lineWidthMax}`)]
      : [],
  )
  const functions = file.nodes.filter((node) => isFunction(node) && !isSuite(file, node))
  return [
    ...(lines > fileLinesMax
      ? [found('length', file, 1, `${lines} lines, at most ${fileLinesMax}`)]
      : []),
    ...long,
    ...functions.flatMap((node) => {
      const length = file.lineAt(node.end) - file.lineAt(node.start) + 1
      if (length <= functionLinesMax) return []
      const message = `a function of ${length} lines, at most ${functionLinesMax}`
      return [found('length', file, file.lineAt(node.start), message)]
    }),
  ]
}

/** One string, pattern or URL, which no formatter can break; nor can it a template's inner lines. */
function isOneString(line: string): boolean {
  const trimmed = line.trim()
  return (
    /^(?:[\w'"/.-]+: |\? |: |\+ |return |const \w+ = )?(?<quote>['"`]).*\k<quote>[,)\]}]*$/.test(
      trimmed,
    ) ||
    /^(?:\/\/|\*|\/\*\*) \S*https?:\/\/\S+$/.test(trimmed) ||
    /^(?:(?:export )?const \w+ =|\[)? ?\/.+\/[gimsuvy]*[,)\]]*$/.test(trimmed)
  )
}

function isFunction(node: Node): boolean {
  return /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
}

/** A function that only holds tests: the callback of `describe`, or a driver contract. */
function isSuite(file: SourceFile, node: Node): boolean {
  if (!isTest(file.path)) return false
  if (asNode(node['id'])?.['name']?.toString().endsWith('Contract')) return true
  return file.nodes.some(
    (call) =>
      call.type === 'CallExpression' &&
      dottedName(call['callee'])?.startsWith('describe') === true &&
      Array.isArray(call['arguments']) &&
      call['arguments'].includes(node),
  )
}

function headerFindings(file: SourceFile): Finding[] {
  if (isTest(file.path)) return []
  const body = file.text.startsWith('#!') ? file.text.slice(file.text.indexOf('\n') + 1) : file.text
  const header = /^\s*\/\*\*(?<text>[\s\S]*?)\*\//.exec(body)?.groups?.['text'] ?? ''
  const words = header.replaceAll('*', ' ').trim().split(/\s+/).length
  if (words >= 4) return []
  return [found('header', file, 1, 'begins without a `/** … */` that says what the module owns')]
}

function constructFindings(file: SourceFile): Finding[] {
  return file.nodes.flatMap((node) => {
    const say = (rule: string, message: string) => [
      found(rule, file, file.lineAt(node.start), message),
    ]
    switch (node.type) {
      case 'ExportDefaultDeclaration':
      case 'TSExportAssignment':
        return say('export', 'exports by default: give it a name')
      case 'TSEnumDeclaration':
        return say('enum', 'declares an enum: use a union of strings')
      case 'TSModuleDeclaration':
        return node['kind'] === 'global' ? [] : say('namespace', 'declares a namespace')
      case 'ClassDeclaration':
      case 'ClassExpression':
        return mayBeClass(node)
          ? []
          : say('class', 'declares a class that is no error and holds no resource')
      default:
        return []
    }
  })
}

/** Errors extend something; what holds a resource can be closed or disposed of. */
function mayBeClass(node: Node): boolean {
  if (/(?:Error|Mismatch|Failed)$/.test(dottedName(node['superClass']) ?? '')) return true
  const members = asNode(node['body'])?.['body']
  return (
    Array.isArray(members) &&
    members.some((member) => {
      const key = asNode(asNode(member)?.['key'])
      return /^(?:close|Symbol\.(?:asyncDispose|dispose))$/.test(dottedName(key) ?? '')
    })
  )
}

/** Only `main.ts` reads the environment; what ships gets it as an argument. */
function environmentFindings(file: SourceFile): Finding[] {
  const room = roomOf(file.path)
  if (room === undefined || room === 'main' || isTest(file.path)) return []
  return file.nodes.flatMap((node) =>
    readsEnvironment(node)
      ? [found('environment', file, file.lineAt(node.start), 'only main.ts reads the environment')]
      : [],
  )
}

function readsEnvironment(node: Node): boolean {
  if (/^(?:process|Bun|import\.meta)\.env$/.test(dottedName(node) ?? '')) return true
  if (/^(?:node:)?process$/.test(String(asNode(node['source'])?.['value'])))
    return !Array.isArray(node['specifiers']) || node['specifiers'].some(mayBeEnvironment)
  if (node.type !== 'VariableDeclarator') return false
  const pattern = asNode(node['id'])
  if (!/^(?:process|Bun)$/.test(dottedName(node['init']) ?? '')) return false
  const properties = pattern?.['properties']
  return (
    Array.isArray(properties) &&
    properties.some((one) => dottedName(asNode(one)?.['key']) === 'env')
  )
}

/** `env` itself, or the whole module under a name. */
function mayBeEnvironment(specifier: unknown): boolean {
  const node = asNode(specifier)
  const name = asNode(node?.['imported'] ?? node?.['local'])?.['name']
  return name === 'env' || !/^(?:Import|Export)Specifier$/.test(node?.type ?? '')
}

const testCall = /^(?:test|it|describe)\.(?:concurrent\.)?(?:only|skip|todo|skipIf|todoIf|failing)/

/** Tests run: only `test/outside.ts` may skip, by name and with the reason. */
function testFindings(file: SourceFile): Finding[] {
  if (!isTest(file.path) || file.path === 'test/outside.ts') return []
  return file.nodes.flatMap((node) => {
    const name = node.type === 'MemberExpression' ? dottedName(node) : undefined
    if (name === undefined || !testCall.test(name)) return []
    const message = `${name}: a test that needs an outside program asks test/outside.ts`
    return [found('skip', file, file.lineAt(node.start), message)]
  })
}
