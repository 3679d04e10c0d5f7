/**
 * The box that a build's steps run in: no network, a read-only host, fixed paths.
 *
 * Invariant: inside, the host's /usr/local is hidden and the view of the dependencies is in its
 * place; only the build's own folders can be written; all processes die with this one. The paths
 * inside are the same for every build on every machine, so that bytes do not depend on where.
 * Source: bwrap(1) 0.4 and newer.
 * Not here: what is run (`steps.ts`).
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError, run, which, writeFileAtomic } from '#kernel/index.ts'
import { movedPkgConfig } from './moved-pkg-config.ts'
import { visiblePath } from './toolchain.ts'

/** Paths as a step sees them. */
export interface BoxPaths {
  readonly source: string
  readonly build: string
  readonly stage: string
  /** `/usr/local`, or where the view is without a sandbox. */
  readonly prefix: string
  readonly ccache: string | undefined
  /** Programs that come before all others. */
  readonly tools?: string | undefined
}

/** Folders on the host that a box shows. */
export interface BoxFolders {
  /** Holds `src`, `build`, `stage`. */
  readonly workspace: string
  /** Holds `usr/local` of the dependencies. */
  readonly view: string
  readonly ccache: string | undefined
}

/** A command line ready to be run; `env` is the whole environment. */
export interface BoxCommand {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Runs command lines in one build's surroundings. */
export interface Box {
  readonly kind: 'bubblewrap' | 'none'
  readonly paths: BoxPaths
  command(
    argv: readonly string[],
    options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ): BoxCommand
}

const fixed = { source: '/backlot/src', build: '/backlot/build', stage: '/backlot/stage' } as const

/** Started by root, bwrap would leave what unmounts the box and makes the host writable again. */
const powerless = ['--cap-drop', 'ALL']

/** A box over these folders. `path` is the host's `PATH`. */
export function openBox(kind: 'bubblewrap' | 'none', folders: BoxFolders, path: string): Box {
  if (kind === 'none') return bareBox(folders, path)
  const bwrap = which('bwrap', path) ?? 'bwrap'
  const paths: BoxPaths = {
    ...fixed,
    prefix: '/usr/local',
    ccache: folders.ccache === undefined ? undefined : '/backlot/ccache',
  }
  return {
    kind,
    paths,
    command: (argv, { cwd, env }) => ({
      argv: [bwrap, ...boxArguments(folders, path), '--', ...inFolder, cwd, ...argv],
      env,
    }),
  }
}

/** Goes to its first argument, then becomes the others; modes do not depend on the user's umask. */
const inFolder = ['/bin/sh', '-c', 'umask 022 && cd "$1" && shift && exec "$@"', 'sh']

function bareBox(folders: BoxFolders, hostPath: string): Box {
  const { workspace } = folders
  const prefix = join(folders.view, 'usr/local')
  return {
    kind: 'none',
    paths: {
      source: join(workspace, 'src'),
      build: join(workspace, 'build'),
      stage: join(workspace, 'stage'),
      prefix,
      ccache: folders.ccache,
      tools: movedPkgConfig({ folder: join(workspace, 'tools'), prefix, hostPath }),
    },
    command: (argv, { cwd, env }) => ({ argv: [...inFolder, cwd, ...argv], env }),
  }
}

function boxArguments(folders: BoxFolders, hostPath: string): string[] {
  const bind = (name: 'source' | 'build' | 'stage', folder: string) => [
    '--bind',
    join(folders.workspace, folder),
    fixed[name],
  ]
  const namespaces = ['user', 'ipc', 'pid', 'net', 'uts'].map((name) => `--unshare-${name}`)
  const ccache = folders.ccache === undefined ? [] : ['--bind', folders.ccache, '/backlot/ccache']
  return [
    namespaces,
    ['--unshare-cgroup-try', '--die-with-parent', '--new-session', ...powerless],
    ['--hostname', 'backlot', '--uid', '0', '--gid', '0'],
    ['--tmpfs', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp'],
    hostFolders(hostPath),
    ['--ro-bind', join(folders.view, 'usr/local'), '/usr/local'],
    bind('source', 'src'),
    bind('build', 'build'),
    bind('stage', 'stage'),
    ccache,
  ].flat()
}

interface FolderBoxOptions {
  /** The one folder that can be written; the working folder. */
  readonly folder: string
  /** The host's `PATH`. */
  readonly path: string
  readonly network: boolean
  /** Further paths of the host that are shown. */
  readonly readable?: readonly string[]
}

/**
 * A command line that writes one folder and reads nothing of the user's: for programs that come
 * before the steps, and run code of what they are given. Without a sandbox it is as it was.
 */
export function folderBox(
  kind: Box['kind'],
  argv: readonly string[],
  options: FolderBoxOptions,
): readonly string[] {
  if (kind === 'none') return argv
  const { folder, path, network, readable = [] } = options
  const names = network ? ['resolv.conf', 'pki/tls', 'pip.conf', 'crypto-policies'] : []
  const bwrap = which('bwrap', path) ?? 'bwrap'
  return [
    [bwrap, '--unshare-user', '--unshare-pid', '--unshare-ipc', '--die-with-parent'],
    [...(network ? [] : ['--unshare-net']), '--new-session', ...powerless],
    ['--tmpfs', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp'],
    hostFolders(path),
    names.flatMap((name) => shown(`/etc/${name}`)),
    readable.flatMap(shown),
    ['--bind', folder, folder, '--chdir', folder, '--', ...argv],
  ].flat()
}

/** Parts of /etc that compilers, loaders and interpreters read; keys and passwords stay out. */
const configuration =
  /^(?:alternatives|fonts|group|hosts|ld\.so\..*|localtime|magic|mime\.types|nsswitch\.conf|os-release|passwd|perl|python3.*|sgml|xml|.*-release|.*_version)$/

/** The system's programs and libraries; homes, data and everything else stay out. */
function hostFolders(hostPath: string): string[] {
  const shared = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
  const tools = visiblePath(hostPath)
    .split(':')
    .flatMap((folder) => /^\/opt\/[^/]+/.exec(folder)?.[0] ?? [])
  const settings = (existsSync('/etc') ? readdirSync('/etc') : [])
    .filter((name) => configuration.test(name))
    .map((name) => `/etc/${name}`)
  return [...shared, '/etc/ssl/certs', ...new Set(tools), ...settings].flatMap(shown)
}

function shown(path: string): string[] {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return []
  if (stat.isSymbolicLink()) return ['--symlink', readlinkSync(path), path]
  return ['--ro-bind', path, path]
}

/**
 * Makes sure that boxes work on this machine.
 * @throws AppError `build/no-sandbox`, `build/tool-missing`
 */
export async function checkSandbox(path: string, signal?: AbortSignal): Promise<void> {
  const bwrap = which('bwrap', path)
  if (bwrap === undefined)
    throw new AppError('build/tool-missing', 'bubblewrap (bwrap), the build sandbox, is missing', {
      hints: [
        '`backlot doctor` prints the line that installs it.',
        '`--no-sandbox` builds without it; the provenance of the result says so.',
      ],
    })
  const argv = [bwrap, '--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc']
  const rest = ['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--', '/bin/true']
  const result = await run([...argv, ...rest], { env: {}, signal })
  if (result.exitCode === 0) return
  throw refused(result.stderr)
}

function refused(said: string): AppError {
  return new AppError(
    'build/no-sandbox',
    `This machine refuses the namespaces of the build sandbox: ${said.trim().slice(0, 400)}`,
    {
      hints: [
        'In a container: allow them with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`.',
        'On Ubuntu 24.04 and newer: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`; elsewhere `sysctl user.max_user_namespaces=15000`.',
        '`--no-sandbox` builds without it; the provenance of the result says so.',
      ],
    },
  )
}

const recordName = 'sandbox.json'
const BoxRecord = z.object({
  argv: z.array(z.string()),
  env: z.record(z.string(), z.string()),
})

/** Remembers in the workspace how its box is entered. */
export function recordBox(workspace: string, command: BoxCommand): void {
  writeFileAtomic(join(workspace, recordName), `${JSON.stringify(command, null, 1)}\n`)
}

/**
 * The command line that enters the sandbox of a failed build as it was when it failed.
 * @param folder The workspace that the error names.
 * @throws AppError `build/unknown-workspace`
 */
export function enterSandbox(
  folder: string,
  options: { readonly argv?: readonly string[] } = {},
): BoxCommand {
  const record = readRecord(folder)
  const shell = existsSync('/bin/bash') ? ['/bin/bash', '--norc', '-i'] : ['/bin/sh', '-i']
  const prompt = { PS1: '(build) \\w\\$ ', TERM: 'xterm-256color' }
  // Without a session of its own, so that the shell can control its jobs.
  const kept = record.argv.filter((argument) => argument !== '--new-session')
  return {
    ...record,
    argv: [...kept, ...(options.argv ?? shell)],
    env: { ...record.env, ...prompt },
  }
}

function readRecord(folder: string): BoxCommand {
  try {
    return BoxRecord.parse(JSON.parse(readFileSync(join(folder, recordName), 'utf8')))
  } catch (error) {
    throw new AppError('build/unknown-workspace', `${folder} does not hold a failed build`, {
      hints: ['Build again: a build that fails keeps its folder and prints it.'],
      cause: error,
    })
  }
}

/** What every command in a box has in its environment, whatever the host has in its own. */
export function boxEnvironment(paths: BoxPaths, hostPath: string): Record<string, string> {
  const { prefix, tools } = paths
  return {
    PATH: `${tools === undefined ? '' : `${tools}:`}${prefix}/bin:${visiblePath(hostPath)}`,
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    TERM: 'dumb',
    PKG_CONFIG_PATH: ['lib', 'lib64', 'share'].map((d) => `${prefix}/${d}/pkgconfig`).join(':'),
    CMAKE_PREFIX_PATH: prefix,
    ...(prefix === '/usr/local'
      ? {}
      : {
          CPATH: `${prefix}/include`,
          LIBRARY_PATH: `${prefix}/lib`,
          LD_LIBRARY_PATH: `${prefix}/lib`,
        }),
  }
}
