/**
 * Lockfiles: environments written down, one package a line.
 *
 * Invariant: equal lockfiles give equal bytes.
 * Source: docs/formats/lockfile.md. Not here: reading one (`lock-reader.ts`).
 */
import { canonicalJson, type Digest } from '#kernel/index.ts'
import type { OptionValue } from './requirement.ts'
import type { Target } from './target.ts'

interface Locked {
  readonly name: string
  readonly version: string
  /** Names of packages in the same environment and target. */
  readonly depends: readonly string[]
  /** Its requirements that say more than a name in `depends`: `imath >=3.1`. */
  readonly needs?: readonly string[]
  /** Other names that it answers to, with the version of each. */
  readonly provides?: Readonly<Record<string, string>>
}

export type LockedPackage = Locked &
  (
    | {
        readonly kind: 'build'
        /** Digest of the build's manifest. */
        readonly build: Digest
        readonly layer: Digest
        /** Bytes of the layer. */
        readonly size: number
        /** Absent when it was built without any. */
        readonly options?: Readonly<Record<string, OptionValue>>
      }
    | {
        /** Still to be built. */
        readonly kind: 'recipe'
        readonly recipe: Digest
        readonly options: Readonly<Record<string, OptionValue>>
      }
    | {
        readonly kind: 'system'
        readonly range: string
      }
  )

export interface LockedHost {
  readonly name: `__${string}`
  readonly range: string
}

export interface LockedTarget {
  /** Dependencies before what depends on them. */
  readonly packages: readonly LockedPackage[]
  readonly host: readonly LockedHost[]
}

/** How versions were chosen, in the words of the command line. */
export interface LockedChoice {
  /** A date, a time, or an age such as `14d`. */
  readonly excludeNewer?: string
  readonly lowest?: 'all' | 'direct'
}

export interface LockedEnvironment {
  readonly platform?: string
  /** What was asked for, as requirements, in order. */
  readonly asked: readonly string[]
  /** What the command line added; it holds until a command says otherwise. */
  readonly choice?: LockedChoice
  /** What was released later than this is not in it: `2026-01-31T23:59:59Z`. */
  readonly until?: string
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
  const { asked, choice, platform, request, targets, until, variables } = environment
  return [
    `    ${JSON.stringify(name)}: {`,
    ...(asked.length === 0 ? [] : askedLines(asked)),
    ...(choice === undefined ? [] : [`      "choice": ${canonicalJson(choice)},`]),
    ...(platform === undefined ? [] : [`      "platform": ${JSON.stringify(platform)},`]),
    `      "request": ${JSON.stringify(request)},`,
    '      "targets": {',
    ...listed(sortedEntries(targets), targetLines),
    '      },',
    ...(until === undefined ? [] : [`      "until": ${JSON.stringify(until)},`]),
    `      "variables": ${canonicalJson(variables)}`,
    '    }',
  ]
}

function askedLines(asked: readonly string[]): string[] {
  const lines = asked.map((text) => `        ${JSON.stringify(text)}`)
  return ['      "asked": [', lines.join(',\n'), '      ],']
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
