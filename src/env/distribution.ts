/**
 * Which distribution this is, and the line that installs something on it.
 *
 * Source: os-release(5). Package names are Debian's and Fedora's own.
 */
import { readIfPresent } from '#kernel/index.ts'

/** Families that recipes name in `system.install`. */
export type Family = 'debian' | 'rocky' | 'suse' | 'arch' | 'alpine' | 'macos' | 'windows' | 'other'

export interface Distribution {
  /** `ID` of os-release: `ubuntu`, `rocky`, … */
  readonly id: string
  readonly family: Family
  readonly name: string
}

const families: Readonly<Record<string, Family>> = {
  debian: 'debian',
  ubuntu: 'debian',
  fedora: 'rocky',
  rhel: 'rocky',
  centos: 'rocky',
  rocky: 'rocky',
  almalinux: 'rocky',
  suse: 'suse',
  opensuse: 'suse',
  sles: 'suse',
  arch: 'arch',
  alpine: 'alpine',
}

const installers: Readonly<Record<Family, string | undefined>> = {
  debian: 'apt-get install -y --no-install-recommends',
  rocky: 'dnf install -y',
  suse: 'zypper install -y',
  arch: 'pacman -S --needed',
  alpine: 'apk add',
  macos: 'brew install',
  windows: 'winget install',
  other: undefined,
}

/** The distribution of this machine, or of another root folder. */
export function readDistribution(root = '/'): Distribution {
  if (process.platform === 'darwin') return { id: 'macos', family: 'macos', name: 'macOS' }
  if (process.platform === 'win32') return { id: 'windows', family: 'windows', name: 'Windows' }
  const bytes =
    readIfPresent(`${root}/etc/os-release`) ?? readIfPresent(`${root}/usr/lib/os-release`)
  return parseDistribution(new TextDecoder().decode(bytes ?? new Uint8Array()))
}

/** Reads the text of an os-release file. */
export function parseDistribution(text: string): Distribution {
  const fields = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, key = '', raw = ''] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? []
    fields.set(key, raw.replace(/^(["'])(.*)\1$/, '$2'))
  }
  const id = fields.get('ID') ?? 'linux'
  const like = (fields.get('ID_LIKE') ?? '').split(/\s+/)
  const family = [id, ...like].map((word) => families[word]).find((found) => found !== undefined)
  return { id, family: family ?? 'other', name: fields.get('PRETTY_NAME') ?? id }
}

/**
 * The line to type, from package names per distribution; the exact id wins over the family.
 * Undefined when the recipe names nothing for this distribution.
 */
export function installLine(
  packages: Readonly<Record<string, readonly string[] | undefined>>,
  distribution: Distribution,
  root = process.getuid?.() === 0,
): string | undefined {
  const names = packages[distribution.id] ?? packages[distribution.family]
  const installer = installers[distribution.family]
  if (names === undefined || names.length === 0 || installer === undefined) return undefined
  const privileged = root || distribution.family === 'macos' || distribution.family === 'windows'
  return `${privileged ? '' : 'sudo '}${installer} ${names.join(' ')}`
}
