/**
 * A Rez repository on disk as families of packages: `repo/name/version/package.py`, families
 * without versions, and whole families in one file (`name.py`, `name.yaml`).
 *
 * Invariant: reading a repository never fails because of a package in it: what cannot be read is
 * left out and told, by path and reason. Nothing in the repository is written, and nothing of it is
 * run here. Versions that `.ignoreVERSION` hides, and half-built ones, are left out as Rez does.
 * Source: rez 3.4 `rezplugins/package_repository/filesystem.py`.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { AppError, messageOf, systemCode } from '#kernel/index.ts'
import {
  compareVersions,
  contains,
  isVersion,
  parseRequirement,
  parseVersion,
} from '#model/index.ts'
import {
  type Attributes,
  bad,
  combinedVersions,
  demandsOf,
  literalOf,
  type RezPackage,
} from './definition.ts'
import { readPackagePy } from './package-py.ts'
import { expandWildcards, hasWildcard, type Latest } from './wildcards.ts'

export interface Problem {
  /** The definition file, relative to the repository. */
  readonly path: string
  readonly reason: string
}

export interface RezFamily {
  readonly name: string
  /** Of the family's folder or file. */
  readonly mtimeMs: number
  readonly packages: readonly RezPackage[]
  readonly problems: readonly Problem[]
}

/** A file that has to be run by Python. */
export interface PythonTask {
  /** Relative to the repository. */
  readonly path: string
  readonly text: string
}

/** What running a file gave: its attributes, or why it gave none. */
export type PythonAnswer = Readonly<{ attributes: Attributes }> | Readonly<{ problem: string }>

/** Runs all files in one go, in the order given. */
export type RunPython = (tasks: readonly PythonTask[]) => Promise<readonly PythonAnswer[]>

/** Packages as they were read before; used again where their files did not change. */
export type KnownPackage = (family: string, file: string) => RezPackage | undefined

export interface ReadOptions {
  readonly python: RunPython
  readonly known?: KnownPackage
}

const fileBytesMax = 1024 * 1024
const familyName = /^[a-zA-Z_0-9](?:\.?[a-zA-Z0-9_]+)*$/
const reserved: ReadonlySet<string> = new Set(['settings.yaml', '.lock'])
const definitionNames = ['package.py', 'package.yaml'] as const

interface Draft {
  readonly name: string
  readonly mtimeMs: number
  readonly packages: RezPackage[]
  readonly problems: Problem[]
}

interface Pending extends PythonTask {
  readonly draft: Draft
  readonly version: string | undefined
  readonly stats: Stats
}

interface Reading {
  readonly root: string
  readonly known: KnownPackage | undefined
  readonly pending: Pending[]
  readonly yaml: Pending[]
}

/**
 * All families, sorted by name.
 * @throws AppError `interop/no-repository`
 */
export async function readRepository(root: string, options: ReadOptions): Promise<RezFamily[]> {
  const reading: Reading = { root, known: options.known, pending: [], yaml: [] }
  const drafts = new Map<string, Draft>()
  for (const entry of folderOf(root)) {
    const draft = familyAt(reading, entry)
    // A folder and a file of one name: Rez looks at the folder.
    if (draft && !drafts.has(draft.name)) drafts.set(draft.name, draft)
  }
  if (reading.yaml.length > 0) await readYaml(reading.yaml)
  if (reading.pending.length > 0) {
    const answers = await options.python(reading.pending)
    for (const [index, task] of reading.pending.entries())
      settle(task, answers[index] ?? { problem: 'Python gave no answer' })
  }
  for (const draft of drafts.values()) expandIn(draft, drafts)
  for (const { problems } of drafts.values()) problems.sort((a, b) => (a.path < b.path ? -1 : 1))
  return [...drafts.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

interface Entry {
  readonly name: string
  readonly folder: boolean
}

function folderOf(path: string): Entry[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      folder: entry.isSymbolicLink() ? isFolder(join(path, entry.name)) : entry.isDirectory(),
    }))
    return entries.sort((a, b) => Number(b.folder) - Number(a.folder))
  } catch (error) {
    throw new AppError('interop/no-repository', `${path} cannot be read as a Rez repository`, {
      hints: ['Give the folder that holds one folder for each package family.'],
      cause: error,
    })
  }
}

function isFolder(path: string): boolean {
  return statsOf(path)?.isDirectory() ?? false
}

/** What the system says of a path; undefined where it cannot be looked at. */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined // A circle of links, a folder that may not be entered.
  }
}

function familyAt(reading: Reading, { name, folder }: Entry): Draft | undefined {
  if (reserved.has(name)) return undefined
  const { root } = reading
  const path = join(root, name)
  const stats = statsOf(path)
  if (!stats) return undefined
  if (folder) {
    if (!familyName.test(name)) return undefined
    const draft = { name, mtimeMs: stats.mtimeMs, packages: [], problems: [] }
    readFamily(reading, draft)
    return draft
  }
  const [, stem = '', ending] = /^(.*)\.(py|yaml)$/.exec(name) ?? []
  if (ending === undefined || !familyName.test(stem)) return undefined
  const draft = { name: stem, mtimeMs: stats.mtimeMs, packages: [], problems: [] }
  readDefinition(reading, { draft, version: undefined, file: name })
  return draft
}

function readFamily(reading: Reading, draft: Draft): void {
  const folder = join(reading.root, draft.name)
  const names = guarded(draft, draft.name, () => readdirSync(folder)) ?? []
  const all = new Set(names)
  const unversioned = definitionNames.find((name) => all.has(name))
  if (unversioned !== undefined) {
    readDefinition(reading, { draft, version: '', file: `${draft.name}/${unversioned}` })
    return
  }
  for (const version of names.sort()) {
    if (version.startsWith('.') || all.has(`.ignore${version}`)) continue
    const file = `${draft.name}/${version}/package.py`
    if (readDefinition(reading, { draft, version, file }) === 'absent') {
      const yaml = `${draft.name}/${version}/package.yaml`
      readDefinition(reading, { draft, version, file: yaml })
    }
  }
}

interface Place {
  readonly draft: Draft
  /** Undefined in a combined file, which names its versions. */
  readonly version: string | undefined
  readonly file: string
}

function readDefinition(reading: Reading, { draft, version, file }: Place): 'absent' | undefined {
  const opened = guarded(draft, file, () => readCapped(reading, draft.name, file))
  if (opened === undefined) return undefined
  if (opened === 'absent') return opened
  if (version !== undefined && !isVersion(version, 'rez')) {
    draft.problems.push({ path: file, reason: `'${version.slice(0, 80)}' is not a version` })
    return undefined
  }
  if ('known' in opened) {
    draft.packages.push(opened.known)
    return undefined
  }
  const { text, stats } = opened
  const task = { draft, version, path: file, text, stats }
  if (file.endsWith('.yaml')) {
    reading.yaml.push(task)
    return undefined
  }
  const found = readPackagePy(text)
  if ('reason' in found) reading.pending.push(task)
  else settle(task, { attributes: found.values })
  return undefined
}

type Opened =
  | 'absent'
  | { readonly known: RezPackage }
  | { readonly text: string; readonly stats: Stats }

function readCapped({ root, known }: Reading, family: string, file: string): Opened {
  return openedFile(join(root, file), (stats) => {
    const before = known?.(family, file)
    const same = before?.mtimeMs === stats.mtimeMs && before.sizeBytes === stats.size
    return same ? before : undefined
  })
}

/** The text of a definition file. @throws AppError `interop/bad-definition` */
export function readDefinitionFile(path: string): string {
  const found = openedFile(path, () => undefined)
  if (found === 'absent' || 'known' in found) throw bad(`${path} is not there any more`)
  return found.text
}

function openedFile(path: string, knownAs: (stats: Stats) => RezPackage | undefined): Opened {
  let handle: number
  try {
    // A pipe would make a plain open wait for a writer.
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return 'absent'
    throw error
  }
  try {
    const stats = fstatSync(handle)
    if (!stats.isFile()) throw bad('it is not a file')
    if (stats.size > fileBytesMax) throw bad(`it is larger than ${fileBytesMax} bytes`)
    const known = knownAs(stats)
    if (known) return { known }
    const bytes = Buffer.allocUnsafe(stats.size)
    const length = readSync(handle, bytes, 0, stats.size, 0)
    return { text: bytes.toString('utf8', 0, length), stats }
  } finally {
    closeSync(handle)
  }
}

function settle({ draft, version, path, stats }: Pending, answer: PythonAnswer): void {
  if ('problem' in answer) {
    draft.problems.push({ path, reason: answer.problem })
    return
  }
  guarded(draft, path, () => {
    const { attributes } = answer
    const all: [string, Attributes][] =
      version === undefined ? combinedVersions(attributes) : [[version, attributes]]
    for (const [own, values] of all)
      draft.packages.push({
        version: own,
        file: path,
        mtimeMs: stats.mtimeMs,
        sizeBytes: stats.size,
        ...demandsOf(values),
      })
  })
}

/** Wildcards in requirements become the versions that this repository has. */
function expandIn(draft: Draft, drafts: ReadonlyMap<string, Draft>): void {
  const all = ({ requires, variants = [] }: RezPackage): readonly string[] => [
    ...requires,
    ...variants.flat(),
  ]
  for (const [at, one] of [...draft.packages.entries()].toReversed()) {
    if (!all(one).some(hasWildcard)) continue
    const expanded = guarded(draft, one.file, () => {
      const expand = (text: string): string => {
        const plain = hasWildcard(text) ? expandWildcards(text, latestIn(drafts)) : text
        parseRequirement(plain, 'rez')
        return plain
      }
      const variants = one.variants?.map((variant) => variant.map(expand))
      return { ...one, requires: one.requires.map(expand), variants }
    })
    draft.packages.splice(at, 1, ...(expanded === undefined ? [] : [expanded]))
  }
}

function latestIn(drafts: ReadonlyMap<string, Draft>): Latest {
  return (name, versions) =>
    drafts
      .get(name)
      ?.packages.map(({ version }) => parseVersion(version, 'rez'))
      .filter((version) => contains(versions, version))
      .sort(compareVersions)
      .at(-1)?.text
}

async function readYaml(tasks: readonly Pending[]): Promise<void> {
  const { parse } = await import('yaml')
  for (const task of tasks)
    guarded(task.draft, task.path, () => {
      const value = literalOf(
        parse(task.text, { schema: 'failsafe', maxAliasCount: 0, logLevel: 'error' }),
      )
      if (!(value instanceof Map)) throw bad('it is not a mapping')
      settle(task, { attributes: value })
    })
}

/** Runs a step of one file; its failure is a problem of that file. */
function guarded<Value>(draft: Draft, path: string, step: () => Value): Value | undefined {
  try {
    return step()
  } catch (error) {
    const [reason = ''] = messageOf(error).split(/:?\n/)
    draft.problems.push({ path, reason: reason.slice(0, 300) })
    return undefined
  }
}
