/**
 * Whether this machine lets us mount a view over the prefix, and with which program.
 *
 * The answer is measured by doing it, since sysctls, seccomp and AppArmor all have a say.
 * util-linux comes first: `unshare` execs its command, so the command keeps our process, gets
 * every signal itself and gives its own exit code. Bubblewrap stays as a parent, and a signal
 * that ends it kills the command outright; it is what works where only it may make namespaces.
 * Source: unshare(1), bwrap(1), user_namespaces(7), the kernel's overlayfs.rst.
 */
import { statSync } from 'node:fs'
import { which } from '#kernel/index.ts'

export type NamespaceSupport =
  | {
      readonly kind: 'available'
      readonly engine: Engine
      /** Path of `unshare` or of `bwrap`. */
      readonly program: string
      /** Of the users that commands run as. */
      readonly uid: number
      readonly gid: number
      /** Whether a layer that takes writes can lie over the view; undefined: not asked. */
      readonly scratch: boolean | undefined
    }
  | {
      readonly kind: 'refused'
      /** One clause: why. */
      readonly reason: string
      readonly hints: readonly string[]
    }

/** `unshare-root` needs CAP_SYS_ADMIN, the others a user namespace. */
export type Engine = 'unshare-root' | 'unshare' | 'bubblewrap'

export interface NamespaceOptions {
  /** A PATH-like list. */
  readonly path: string
  readonly prefix?: string
  /** Also find out whether a layer that takes writes can lie over a view. */
  readonly scratch?: boolean
}

export interface MountPlan {
  readonly from: string
  readonly at: string
  readonly scratch: boolean
}

type Available = Extract<NamespaceSupport, { kind: 'available' }>

const allEngines: readonly Engine[] = ['unshare-root', 'unshare', 'bubblewrap']

/** Tries to mount a folder over the prefix; takes 5 to 15 ms. */
export function probeNamespaces(options: NamespaceOptions): NamespaceSupport {
  const at = options.prefix ?? '/usr/local'
  if (process.platform !== 'linux')
    return refused(`${process.platform} has no mount namespaces`, [])
  if (!statSync(at, { throwIfNoEntry: false })?.isDirectory())
    return refused(`${at} is not a folder here`, [`Create it: sudo mkdir -p ${at}`])
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  let said = ''
  for (const engine of allEngines) {
    const program = which(engine === 'bubblewrap' ? 'bwrap' : 'unshare', options.path)
    if (program === undefined || (engine === 'unshare-root' && uid !== 0)) continue
    const candidate: Available = {
      kind: 'available',
      engine,
      program,
      uid,
      gid,
      scratch: undefined,
    }
    const tried = attempt(candidate, { from: '/usr', at, scratch: false }, options.path)
    if (tried === true) return withScratch(candidate, at, options)
    said = tried
  }
  if (said === '')
    return refused('neither `unshare` (util-linux) nor `bwrap` (bubblewrap) is installed', [
      'Install bubblewrap; `backlot doctor` prints the line.',
    ])
  return refused(`this machine refuses namespaces (${said})`, [
    'In a container, allow user namespaces, or run `backlot install`.',
    'On Ubuntu 24.04 and later, install bubblewrap, which has a profile that may use them.',
  ])
}

function withScratch(found: Available, at: string, options: NamespaceOptions): Available {
  if (options.scratch !== true) return found
  const scratch = attempt(found, { from: '/usr/share', at, scratch: true }, options.path) === true
  return { ...found, scratch }
}

function attempt(support: Available, plan: MountPlan, path: string): true | string {
  const argv = [...mountCommand(support, plan), '/bin/true']
  const result = Bun.spawnSync(argv, { env: { PATH: path }, stdin: 'ignore', stdout: 'ignore' })
  if (result.exitCode === 0) return true
  return result.stderr.toString().trim().split('\n')[0] ?? ''
}

/** The user's PATH may be made for the command alone, and lack the system's folders. */
const systemPath = 'PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"'

/**
 * Read-only. In a user namespace flags of the file system that the view lies on may not be taken
 * away, so those that do no harm are always asked for, and `noexec` where nothing else is allowed.
 */
const flags = 'ro,nosuid,nodev'
const bindScript = `{ ${systemPath} mount -n -o bind,${flags} -- "$1" "$2" 2>/dev/null ||
 ${systemPath} mount -n -o remount,bind,${flags},noexec -- "$2"; }`

/** A tmpfs takes what is written; its own folder is where it is mounted, then hidden. */
const scratchScript = `${systemPath} mount -n -t tmpfs -o mode=0755 tmpfs "$2" &&
 ${systemPath} mkdir "$2/up" "$2/work" &&
 ${systemPath} mount -n -t overlay -o "lowerdir=$1,upperdir=$2/up,workdir=$2/work" overlay "$2"`

/** The command that mounts a view and then becomes the command that follows it. */
export function mountCommand(support: Available, plan: MountPlan): readonly string[] {
  if (support.engine === 'bubblewrap') return bubblewrapCommand(support.program, plan)
  const mount = plan.scratch ? scratchScript : bindScript
  const from = plan.scratch ? plan.from.replace(/[\\:,]/g, String.raw`\$&`) : plan.from
  const failed = '{ echo "backlot: cannot mount the environment at $2" >&2; exit 1; }'
  const asUser =
    support.engine === 'unshare'
      ? `"$0" --user --map-user=${support.uid} --map-group=${support.gid} -- `
      : ''
  const script = `${mount} || ${failed}; shift 2; exec ${asUser}"$@"`
  const user = support.engine === 'unshare' ? ['--user', '--map-root-user'] : []
  const argv = [support.program, ...user, '--mount', '--propagation', 'slave', '--']
  return [...argv, '/bin/sh', '-c', script, support.program, from, plan.at]
}

function bubblewrapCommand(program: string, plan: MountPlan): readonly string[] {
  const mount = plan.scratch
    ? ['--overlay-src', plan.from, '--tmp-overlay', plan.at]
    : ['--ro-bind', plan.from, plan.at]
  return [program, '--dev-bind', '/', '/', ...mount, '--die-with-parent', '--']
}

function refused(reason: string, hints: readonly string[]): NamespaceSupport {
  return { kind: 'refused', reason, hints }
}
