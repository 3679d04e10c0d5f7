/**
 * Rooms, floors and doors: which file may import which.
 *
 * Invariant: in `src/` an import goes to a strictly lower floor and through the room's door
 * (`#room/index.ts`), or stays in its own room; no files import each other in a circle. Type-only
 * imports count, because they couple the rooms all the same.
 * Source: the floor table of ARCHITECTURE.md, which the test compares with this one.
 */
import { dirname, join, normalize } from 'node:path'
import type { Finding, Import, SourceFile } from './source.ts'

/** Rooms by floor, the kernel at 0. `main` is `src/main.ts`. */
export const floors: readonly (readonly string[])[] = [
  ['kernel'],
  ['model'],
  ['solver', 'store'],
  ['oci', 'catalog', 'cache'],
  ['env'],
  ['build'],
  ['ci', 'image', 'interop'],
  ['app'],
  ['cli', 'server', 'web'],
  ['main'],
]

const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor])))

/** Rooms that see less than all lower floors: they parse, call one use case, print. */
const onlyThese = new Map([
  ['cli', ['app', 'model', 'kernel']],
  ['web', ['app', 'model', 'kernel']],
  ['server', ['app', 'model', 'kernel', 'oci', 'cache']],
])

/** Packages that one room alone may know. */
const packageRooms = new Map([
  ['commander', ['cli']],
  ['@commander-js/extra-typings', ['cli']],
  ['hono', ['server', 'web']],
  ['yaml', ['model', 'app', 'interop']],
])

const testFile = /\.(?:test|contract|fixture)\.ts$/

/** Whether a file belongs to the tests: beside the code by its name, or in `test/`. */
export function isTest(path: string): boolean {
  return testFile.test(path) || path.startsWith('test/')
}

/** The room of a file of `src/`, or undefined for what lies outside (tests, tools, bench). */
export function roomOf(path: string): string | undefined {
  if (!path.startsWith('src/')) return undefined
  const [, room = '', ...rest] = path.split('/')
  return rest.length === 0 ? room.replace(/\.ts$/, '') : room
}

/** What is wrong with the imports of all files taken together. */
export function importFindings(
  files: readonly SourceFile[],
  dependencies: ReadonlySet<string>,
): Finding[] {
  const rooms = files.filter((file) => roomOf(file.path) !== undefined)
  const unknown = rooms.filter((file) => !floorOf.has(roomOf(file.path) ?? ''))
  return [
    ...unknown.map((file) => finding('room', file, 1, `${roomOf(file.path)} is not a room`)),
    ...files.flatMap((file) =>
      file.imports.flatMap((one) => importFinding(file, one, dependencies)),
    ),
    ...cycles(rooms),
  ]
}

function finding(rule: string, file: SourceFile, line: number, message: string): Finding {
  return { rule, path: file.path, line, message }
}

function importFinding(
  file: SourceFile,
  { specifier, line }: Import,
  dependencies: ReadonlySet<string>,
): Finding[] {
  const say = (rule: string, message: string) => [finding(rule, file, line, message)]
  if (specifier === undefined)
    return file.path.startsWith('src/') ? say('import', 'imports a computed name') : []
  const target = targetOf(file.path, specifier)
  if (target !== undefined) return roomFinding(file, specifier, target, say)
  const room = roomOf(file.path)
  if (room === undefined || isTest(file.path)) return []
  if (/^(?:node|bun):/.test(specifier) || specifier === 'bun')
    return specifier === 'bun:test' ? say('import', 'imports bun:test outside a test') : []
  const name = packageOf(specifier)
  if (!dependencies.has(name)) return say('import', `${name} is not in dependencies`)
  const allowed = packageRooms.get(name)
  return allowed === undefined || allowed.includes(room)
    ? []
    : say('import', `only ${allowed.join(' and ')} may import ${name}`)
}

function roomFinding(
  file: SourceFile,
  specifier: string,
  target: string,
  say: (rule: string, message: string) => Finding[],
): Finding[] {
  const from = roomOf(file.path)
  const to = roomOf(target)
  if (to === undefined)
    return from === undefined || isTest(file.path)
      ? []
      : say('floor', `${specifier} leaves src/: what ships may not import ${target}`)
  if (from === to) return withinRoom(file, specifier, target, say)
  const found: Finding[] = []
  const borrowed = isTest(file.path) && isTest(target) // A contract suite, for another driver.
  if (specifier !== `#${to}/index.ts` && !borrowed)
    found.push(...say('door', `reaches past the door: import #${to}/index.ts, not ${specifier}`))
  if (from !== undefined && !maySee(from, to))
    found.push(...say('floor', `${from} (floor ${floorOf.get(from)}) may not import ${to}`))
  return found
}

function withinRoom(
  file: SourceFile,
  specifier: string,
  target: string,
  say: (rule: string, message: string) => Finding[],
): Finding[] {
  if (!isTest(file.path) && isTest(target)) return say('import', `imports a test: ${specifier}`)
  if (specifier.startsWith('#')) return say('door', 'imports its own room: use a relative path')
  return []
}

/** Whether a room may import another: it lies strictly lower, and is not hidden from it. */
function maySee(from: string, to: string): boolean {
  const upper = floorOf.get(from)
  const lower = floorOf.get(to)
  if (upper === undefined || lower === undefined) return false
  return lower < upper && (onlyThese.get(from)?.includes(to) ?? true)
}

/** The file that a specifier of ours means, relative to the root; undefined for packages. */
function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(path), specifier))
  return specifier.startsWith('#') ? `src/${specifier.slice(1)}` : undefined
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Circles between files, each told once, at its first file in the alphabet. */
function cycles(files: readonly SourceFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const done = new Set<string>()
  const found: Finding[] = []
  const visit = (file: SourceFile, trail: readonly string[]) => {
    const at = trail.indexOf(file.path)
    if (at !== -1) {
      const circle = [...trail.slice(at), file.path].join(' -> ')
      found.push(finding('cycle', file, 1, `imports itself: ${circle}`))
      return
    }
    if (done.has(file.path)) return
    for (const { specifier } of file.imports) {
      const next = byPath.get(targetOf(file.path, specifier ?? '') ?? '')
      if (next !== undefined) visit(next, [...trail, file.path])
    }
    done.add(file.path)
  }
  for (const file of files) visit(file, [])
  return found
}
