/**
 * Lockfiles: environments written down, one package a line.
 *
 * Invariant: equal lockfiles give equal bytes.
 * Source: docs/formats/lockfile.md. Not here: reading one (`lock-reader.ts`).
 */
import { canonicalJson, type Digest } from '#kernel/index.ts'
import type { OptionValue } from './requirement.ts'
import type { Target } from './target.ts'

export type LockedPackage =
  | {
      readonly name: string
      readonly version: string
      readonly kind: 'build'
      /** Digest of the build's manifest. */
      readonly build: Digest
      readonly layer: Digest
      /** Bytes of the layer. */
      readonly size: number
      /** Names of packages in the same environment and target. */
      readonly depends: readonly string[]
    }
  | {
      readonly name: string
      readonly version: string
      /** Still to be built. */
      readonly kind: 'recipe'
      readonly recipe: Digest
      readonly options: Readonly<Record<string, OptionValue>>
      readonly depends: readonly string[]
    }
  | {
      readonly name: string
      readonly version: string
      readonly kind: 'system'
      readonly range: string
      readonly depends: readonly string[]
    }

export interface LockedHost {
  readonly name: `__${string}`
  readonly range: string
}

export interface LockedTarget {
  /** Dependencies before what depends on them. */
  readonly packages: readonly LockedPackage[]
  readonly host: readonly LockedHost[]
}

export interface LockedEnvironment {
  readonly platform?: string
  /** Canonical digest of what was asked for. */
  readonly request: Digest
  readonly variables: Readonly<Record<string, string>>
  readonly targets: Readonly<Partial<Record<Target, LockedTarget>>>
}

export interface Lockfile {
  readonly lockfile: 1
  readonly environments: Readonly<Record<string, LockedEnvironment>>
}

/**
 * The text of a lockfile: JSON with sorted keys and one package a line, so that a diff shows the
 * packages that changed. Packages keep their order, which is that of dependencies.
 */
export function formatLockfile(lock: Lockfile): string {
  const lines = ['{', '  "environments": {']
  lines.push(...listed(sortedEntries(lock.environments), environmentLines), '  },')
  lines.push(`  "lockfile": ${lock.lockfile}`, '}', '')
  return lines.join('\n')
}

function environmentLines(name: string, environment: LockedEnvironment): string[] {
  const { platform, request, targets, variables } = environment
  return [
    `    ${JSON.stringify(name)}: {`,
    ...(platform === undefined ? [] : [`      "platform": ${JSON.stringify(platform)},`]),
    `      "request": ${JSON.stringify(request)},`,
    '      "targets": {',
    ...listed(sortedEntries(targets), targetLines),
    '      },',
    `      "variables": ${canonicalJson(variables)}`,
    '    }',
  ]
}

function targetLines(name: string, target: LockedTarget): string[] {
  const lines = target.packages.map((entry) => `          ${packageLine(entry)}`)
  return [
    `        ${JSON.stringify(name)}: {`,
    `          "host": ${canonicalJson(target.host)},`,
    lines.length === 0 ? '          "packages": []' : '          "packages": [',
    ...(lines.length === 0 ? [] : [lines.map((line) => `  ${line}`).join(',\n'), '          ]']),
    '        }',
  ]
}

/** Name and version first, for the reader; the rest sorted. */
function packageLine(entry: LockedPackage): string {
  const { name, version, ...rest } = entry
  const start = `{"name":${JSON.stringify(name)},"version":${JSON.stringify(version)},`
  return start + canonicalJson(rest).slice(1)
}

/** Each entry's lines, with a comma after all but the last. */
function listed<T>(
  entries: readonly (readonly [string, T])[],
  lines: (name: string, value: T) => string[],
): string[] {
  return entries.flatMap(([name, value], index) => {
    const made = lines(name, value)
    if (index < entries.length - 1) made.push(`${made.pop() ?? ''},`)
    return made
  })
}

function sortedEntries<T>(record: Readonly<Partial<Record<string, T>>>): [string, T][] {
  return Object.entries(record)
    .flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, T]]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}
