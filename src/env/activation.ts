/**
 * From a view to a way into it: variables and, where the machine allows, a mount over the prefix.
 *
 * Invariant: the result is data; nothing is run and nothing is written here. The view is mounted
 * read-only in a namespace of its own, which ends with the last process in it.
 * Not here: becoming the child (`#kernel`, launch), and shells (`shell.ts`).
 */
import { readdirSync, statSync } from 'node:fs'
import { delimiter } from 'node:path'
import { AppError, launchContext, type LaunchInput, type LaunchRecord } from '#kernel/index.ts'
import { mountCommand, type NamespaceSupport } from './namespaces.ts'

/**
 * `mount`: the view is seen at the prefix. `path`: variables point into the view where it lies.
 * `in-place`: the files are in the prefix already (`install` in a container).
 */
export type ActivationMode = 'mount' | 'path' | 'in-place'

export interface ActivateOptions {
  /** Name of the environment, shown by prompts. */
  readonly name: string
  /** The folder that stands for the prefix: `VIEW/usr/local`. */
  readonly viewPrefix: string
  /** Of the view, in the store: what is set to reserve it. */
  readonly note?: string | undefined
  readonly namespaces: NamespaceSupport
  /** Default: `mount` when namespaces are available, else `path`. */
  readonly mode?: ActivationMode | undefined
  readonly prefix?: string
  /** The user's variables; `${prefix}` in them is replaced. */
  readonly variables?: Readonly<Record<string, string>>
  /** Let commands write over the view; what they write is gone when the last of them ends. */
  readonly scratch?: boolean
  readonly inputs?: readonly LaunchInput[]
}

export interface Notice {
  readonly text: string
  readonly hints: readonly string[]
}

export interface Activation {
  readonly mode: ActivationMode
  /** Where the files are seen by a command. */
  readonly prefix: string
  readonly record: LaunchRecord
  /** What the user should know, for example that the view could not be mounted and why. */
  readonly notices: readonly Notice[]
}

/**
 * Plans how to enter an environment.
 * @throws AppError `env/no-namespaces` when a mount or scratch layer was asked for and is refused,
 *   `env/bad-path`
 */
export function activate(options: ActivateOptions): Activation {
  const { namespaces } = options
  const target = options.prefix ?? '/usr/local'
  const mode = options.mode ?? (namespaces.kind === 'available' ? 'mount' : 'path')
  checkWish(options, mode)
  if (mode === 'path') checkListed(options.viewPrefix)
  const prefix = mode === 'path' ? options.viewPrefix : target
  const base = {
    format: 2,
    inputs: options.inputs ?? [],
    needs: [options.viewPrefix],
    ...(options.note === undefined ? {} : { note: options.note }),
    variables: { set: setVariables(options, prefix), prepend: listVariables(options, prefix) },
  } as const
  if (mode !== 'mount' || namespaces.kind !== 'available')
    return { mode, prefix, record: { ...base, argv: [] }, notices: noticesOf(options, mode) }
  const plan = { from: options.viewPrefix, at: target, scratch: options.scratch === true }
  const record: LaunchRecord = {
    ...base,
    context: launchContext(),
    argv: mountCommand(namespaces, plan),
    mount: { at: target, from: options.viewPrefix },
  }
  return { mode, prefix, record, notices: [] }
}

/** @throws AppError `env/bad-path` when a folder cannot stand in a list of folders. */
function checkListed(folder: string): void {
  if (!folder.includes(delimiter)) return
  const message = `${folder} cannot stand in PATH, where '${delimiter}' ends an entry`
  throw new AppError('env/bad-path', message, {
    hints: [`Choose a BACKLOT_HOME without '${delimiter}', or mount the view: \`--launch mount\`.`],
  })
}

function checkWish(options: ActivateOptions, mode: ActivationMode): void {
  const { namespaces } = options
  if (mode === 'mount' && namespaces.kind === 'refused')
    throw new AppError(
      'env/no-namespaces',
      `Cannot mount the environment over ${options.prefix ?? '/usr/local'}: ${namespaces.reason}`,
      { hints: [...namespaces.hints, 'Or use variables only: `--launch path`.'] },
    )
  if (options.scratch === true && options.mode === 'path')
    throw new AppError(
      'env/no-namespaces',
      'A scratch layer lies over a mounted environment, and `path` mode mounts nothing',
      { hints: ['Leave one of the two options out.'] },
    )
  const canWrite = namespaces.kind === 'available' && namespaces.scratch === true
  if (options.scratch === true && (mode !== 'mount' || !canWrite))
    throw new AppError(
      'env/no-namespaces',
      'A scratch layer was asked for, and this machine cannot lay one over the environment',
      { hints: ['It needs Linux 5.11 or newer and namespaces; `backlot doctor` tells more.'] },
    )
}

function noticesOf(options: ActivateOptions, mode: ActivationMode): readonly Notice[] {
  const { namespaces, viewPrefix } = options
  if (mode !== 'path' || namespaces.kind === 'available' || options.mode === 'path') return []
  const text = `The environment is not mounted at its prefix, since ${namespaces.reason}; variables point to ${viewPrefix} instead. Files with the prefix inside may not find their own data.`
  return [{ text, hints: namespaces.hints }]
}

function setVariables(options: ActivateOptions, prefix: string): Record<string, string> {
  const own = Object.entries(options.variables ?? {}).map(
    ([name, value]) => [name, value.replaceAll('${prefix}', prefix)] as const,
  )
  return { ...Object.fromEntries(own), BACKLOT_ENVIRONMENT: options.name, BACKLOT_PREFIX: prefix }
}

/** Folders that exist in the view only, as list variables. */
function listVariables(
  options: ActivateOptions,
  prefix: string,
): Readonly<Record<string, readonly string[]>> {
  const present = (paths: readonly string[]): readonly string[] =>
    paths
      .filter((path) => statSync(`${options.viewPrefix}/${path}`, { throwIfNoEntry: false }))
      .map((path) => `${prefix}/${path}`)
  const lists = {
    PATH: present(['bin', 'sbin']),
    CMAKE_PREFIX_PATH: [prefix],
    PKG_CONFIG_PATH: present(['lib64/pkgconfig', 'lib/pkgconfig', 'share/pkgconfig']),
    PYTHONPATH: present(pythonFolders(options.viewPrefix)),
    MANPATH: present(['share/man', 'man']),
  }
  return Object.fromEntries(Object.entries(lists).filter(([, entries]) => entries.length > 0))
}

function pythonFolders(viewPrefix: string): readonly string[] {
  return ['lib64', 'lib'].flatMap((lib) => {
    const there = statSync(`${viewPrefix}/${lib}`, { throwIfNoEntry: false })?.isDirectory()
    const names = there ? readdirSync(`${viewPrefix}/${lib}`) : []
    return names
      .filter((name) => /^python3(\.\d+)?$/.test(name))
      .sort()
      .flatMap((name) => [`${lib}/${name}/site-packages`, `${lib}/${name}/dist-packages`])
  })
}
