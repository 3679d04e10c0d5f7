/**
 * The commands of all packages of an environment, as actions: read here where they are simple,
 * replayed by Python in its sandbox, all together, where one of them is not.
 *
 * Invariant: both ways give the same actions; package code runs in the sandbox only.
 * Source: rez 3.4 `resolved_context.py` (`_execute`); docs/rez.md, «Running».
 */
import { z } from 'zod'
import { AppError } from '#kernel/index.ts'
import { plainOf } from './definition.ts'
import { type PythonOptions, runPython } from './python.ts'
import { type RexAction, type RexPhase, rexPhases, type RexText } from './rex-action.ts'
import { listSeparator, type RexSettings } from './rex-apply.ts'
import { rexShim } from './rex-shim.ts'
import { actionsOf, type RexNames } from './rex-source.ts'
import type { RezSystem } from './rez-system.ts'
import { rootOf, type RunPackage } from './run-definition.ts'

export interface ReplayOptions extends PythonOptions {
  readonly packages: readonly RunPackage[]
  readonly request: readonly string[]
  readonly implicits: readonly string[]
  readonly ephemerals: readonly string[]
  readonly building: boolean
  readonly settings: RexSettings
  readonly optionvars: unknown
  readonly system: RezSystem
  /** Variables from outside. */
  readonly parent: Readonly<Record<string, string>>
  /** Variables that are set before any package's commands; asked for with the roots. */
  readonly first: (roots: readonly (string | undefined)[]) => readonly RexAction[]
}

/** An action and where it comes from. */
export type PlacedAction = RexAction & {
  /** Place of the package; undefined for what Rez itself does. */
  readonly from?: number
  readonly phase?: RexPhase
}

export interface Replayed {
  readonly actions: readonly PlacedAction[]
  readonly roots: readonly (string | undefined)[]
  /** What package code printed. */
  readonly printed: string
}

/** @throws AppError `interop/commands-failed`, `interop/no-python` */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  return simpleReplay(options) ?? (await pythonReplay(options))
}

/** Undefined when Python has to do it. */
function simpleReplay(options: ReplayOptions): Replayed | undefined {
  const roots: (string | undefined)[] = []
  for (const one of options.packages) {
    if (one.definition.kind === 'python') return undefined
    roots.push(rootOf(one, one.definition.attributes))
  }
  const actions: PlacedAction[] = [...options.first(roots)]
  for (const phase of rexPhases)
    for (const [from, { definition }] of options.packages.entries()) {
      const source = definition.kind === 'read' ? definition.commands[phase] : undefined
      if (source === undefined || source === '') continue
      if (typeof source === 'string' || !('function' in source)) return undefined
      const own = actionsOf(source.function, namesOf(options, roots, from))
      if (own === undefined) return undefined
      actions.push(...own.map((action) => ({ ...action, from, phase })))
    }
  return { actions, roots, printed: '' }
}

function namesOf(
  { packages, request, building }: ReplayOptions,
  roots: readonly (string | undefined)[],
  own: number,
): RexNames {
  const fieldOf = (at: number, field: string): string | undefined => {
    const one = packages[at]
    if (one === undefined) return undefined
    switch (field) {
      case 'root':
        return roots[at]
      case 'base':
        return one.base
      case 'name':
        return one.name
      default:
        return versionField(one.version, field)
    }
  }
  return {
    building,
    has: (list, name) =>
      list === 'resolve'
        ? packages.some((one) => one.name === name)
        : request.some((text) => /^[!~]?([^-@#=<>]*)/.exec(text)?.[1] === name),
    field: (name) => {
      if (name === 'root' || name === 'base' || /^version(?:\.|$)/.test(name))
        return fieldOf(own, name)
      if (name.startsWith('this.')) return fieldOf(own, name.slice('this.'.length))
      const [, other, field] = /^resolve\.(\w+)\.(.*)$/.exec(name) ?? []
      if (field === undefined) return undefined
      const at = packages.findIndex((one) => one.name === other)
      return at < 0 || field === 'name' ? undefined : fieldOf(at, field)
    },
  }
}

function versionField(version: string, field: string): string | undefined {
  if (field === 'version') return version
  const place = ['version.major', 'version.minor', 'version.patch'].indexOf(field)
  if (place < 0) return undefined
  // What is not there is Python's None.
  const token = version.split(/[.-]/)[place]
  return token === undefined || token === '' ? 'None' : token
}

/** What the program of ours answers. Made on use: most environments need no Python. */
function answerSchema() {
  const segments = z.array(z.tuple([z.boolean(), z.string()]))
  const value = z.union([z.string(), segments, z.array(segments)])
  const phase = z.enum(rexPhases)
  const action = z.tuple([z.string(), z.string(), value, z.string(), z.int(), phase])
  return z.union([
    z.object({
      actions: z.array(action),
      roots: z.array(z.string().nullable()),
      printed: z.string(),
    }),
    z.object({
      problem: z.string(),
      package: z.int().optional(),
      phase: phase.optional(),
      stopped: z.boolean().optional(),
    }),
  ])
}

async function pythonReplay(options: ReplayOptions): Promise<Replayed> {
  const folders = options.packages.map(({ repository }) => repository)
  const lines = await runPython({ ...options, source: rexShim, folders, input: jobOf(options) })
  if (typeof lines === 'string')
    throw new AppError(
      'interop/no-python',
      `The commands of the packages cannot be run: ${lines}`,
      {
        hints: ['Install bubblewrap and python3, which run package code apart from everything.'],
      },
    )
  const found = answerSchema().safeParse(parsedLine(lines[0]))
  if (!found.success) throw commandsFailed('they broke the Python that ran them')
  const given = found.data
  if ('problem' in given) {
    const one = given.package === undefined ? undefined : options.packages[given.package]
    const why = given.stopped ? given.problem.replace(/^Stop: /, '') : given.problem
    const place = one && { one, phase: given.phase ?? 'commands' }
    throw commandsFailed(why, place, given.stopped ? 'stopped' : 'failed')
  }
  const roots = given.roots.map((root) => root ?? undefined)
  const actions = given.actions.map(([op, name, value, key, from, own]) => ({
    ...actionOf({ op, name, value, key }),
    from,
    phase: own,
  }))
  return { actions: [...options.first(roots), ...actions], roots, printed: given.printed }
}

function parsedLine(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '')
  } catch {
    return undefined
  }
}

interface Raw {
  readonly op: string
  readonly name: string
  readonly value: string | RexText | readonly RexText[]
  readonly key: string
}

function actionOf({ op, name, value, key }: Raw): RexAction {
  switch (op) {
    case 'setenv':
    case 'resetenv':
    case 'appendenv':
    case 'prependenv':
      return { op, name, key, value: textOf(value) }
    case 'unsetenv':
      return { op, name, key }
    case 'info':
    case 'error':
    case 'source':
      return { op, value: textOf(value) }
    case 'alias':
      return { op, name, value: String(value) }
    case 'comment':
      return { op, value: String(value) }
    case 'command':
      return typeof value === 'string'
        ? { op, value, args: [] }
        : { op, value: name, args: isText(value) ? [] : value }
    default:
      throw commandsFailed('they gave something that is no action')
  }
}

function textOf(value: Raw['value']): RexText {
  if (typeof value === 'string' || !isText(value)) throw commandsFailed('a value is no text')
  return value
}

/** A text rather than a list of texts: its parts begin with whether they are literal. */
function isText(value: RexText | readonly RexText[]): value is RexText {
  return value.every(([first]) => typeof first === 'boolean')
}

interface Place {
  readonly one: RunPackage
  readonly phase: RexPhase
}

function commandsFailed(
  why: string,
  place?: Place,
  how: 'failed' | 'stopped' = 'failed',
): AppError {
  const where =
    place === undefined ? 'packages' : `${place.one.name}-${place.one.version}`.replace(/-$/, '')
  const what = place?.phase ?? 'commands'
  return new AppError('interop/commands-failed', `${what}() of ${where} ${how}: ${why}`, {
    hints: place ? [`Look into ${place.one.repository}/${place.one.file}.`] : [],
  })
}

function jobOf(options: ReplayOptions) {
  const { settings, request, implicits, ephemerals, building, system, parent } = options
  const { home, separators, parentVariables } = settings
  return {
    home,
    separators,
    parentVariables,
    parent,
    request,
    implicits,
    ephemerals,
    building,
    system,
    separator: listSeparator,
    optionvars: options.optionvars ?? {},
    environ: environOf(options),
    packages: options.packages.map(packageOf),
  }
}

/** What is set before the commands run, as code sees it that asks for a variable. */
function environOf({ packages, first }: ReplayOptions): Record<string, string> {
  const roots = packages.map((one) =>
    one.definition.kind === 'read' ? rootOf(one, one.definition.attributes) : one.base,
  )
  return Object.fromEntries(
    first(roots).flatMap((action) =>
      action.op === 'setenv' ? [[action.key, action.value.map(([, text]) => text).join('')]] : [],
    ),
  )
}

function packageOf(one: RunPackage) {
  const { name, version, repository, file, base, requires, variantRequires } = one
  const { definition } = one
  const path = `${repository}/${file}`
  const uri = one.base === undefined ? `${path}<${version}>` : path
  return {
    name,
    version,
    requires,
    variantRequires,
    hashPath: one.hashPath(),
    index: one.variant,
    base: base ?? null,
    uri: `${uri}[${one.variant ?? ''}]`,
    file: path,
    plainPath: one.plainPath(),
    combined: base === undefined,
    ...(definition.kind === 'read'
      ? {
          attributes: plainOf(definition.attributes),
          commands: definition.commands,
        }
      : { commands: { file: true } }),
  }
}
