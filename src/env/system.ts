/**
 * Packages that the operating system provides: is it there, which version, how to install it.
 *
 * Probes run in the order of the recipe and the first that answers wins.
 * Not here: what a recipe of kind `system` may say (`#model`).
 */
import { AppError, run } from '#kernel/index.ts'
import {
  isVersion,
  parseVersion,
  type Recipe,
  type SystemProbe,
  type Version,
} from '#model/index.ts'
import { type Distribution, installLine, readDistribution } from './distribution.ts'

export interface SystemOptions {
  /** Environment of the probes: PATH, PKG_CONFIG_PATH. */
  readonly env: Readonly<Record<string, string>>
  readonly distribution?: Distribution
  readonly signal?: AbortSignal | undefined
}

export type SystemResult =
  | { readonly kind: 'found'; readonly version: Version; readonly probe: string }
  | {
      readonly kind: 'missing'
      /** The line that installs it here; undefined when the recipe names none. */
      readonly install: string | undefined
      /** What was asked, in order. */
      readonly probes: readonly string[]
    }

const probeTimeoutMs = 10_000
const probeBytesMax = 1024 * 1024

/** Looks for a system package on this machine. A probe that cannot run says «not there». */
export async function detectSystem(
  recipe: Pick<Recipe, 'name' | 'system'>,
  options: SystemOptions,
): Promise<SystemResult> {
  const probes = recipe.system?.detect ?? []
  for (const probe of probes) {
    const version = await ask(probe, options)
    if (version !== undefined)
      return { kind: 'found', version: parseVersion(version), probe: describe(probe) }
  }
  const distribution = options.distribution ?? readDistribution()
  const install = installLine(recipe.system?.install ?? {}, distribution)
  return { kind: 'missing', install, probes: probes.map(describe) }
}

function commandOf(probe: SystemProbe): readonly string[] {
  switch (probe.kind) {
    case 'pkg-config':
      return ['pkg-config', '--modversion', probe.name]
    case 'dpkg':
      return ['dpkg-query', '--show', '--showformat=${db:Status-Status} ${Version}\\n', probe.name]
    case 'rpm':
      return ['rpm', '-q', '--qf', '%{VERSION}\\n', probe.name]
    case 'program':
      return probe.argv
  }
}

function describe(probe: SystemProbe): string {
  return probe.kind === 'program' ? probe.argv.join(' ') : `${probe.kind} ${probe.name}`
}

async function ask(probe: SystemProbe, options: SystemOptions): Promise<string | undefined> {
  const { env, signal } = options
  try {
    const result = await run(commandOf(probe), {
      env,
      signal,
      timeoutMs: probeTimeoutMs,
      outputBytesMax: probeBytesMax,
    })
    if (result.exitCode !== 0) return undefined
    const version = versionIn(probe, `${result.stdout}\n${result.stderr}`)
    return version !== undefined && isVersion(version) ? version : undefined
  } catch (error) {
    if (error instanceof AppError && error.code === 'kernel/program-missing') return undefined
    throw error
  }
}

function versionIn(probe: SystemProbe, said: string): string | undefined {
  switch (probe.kind) {
    case 'pkg-config':
    case 'rpm':
      return leadingVersion(said.trim())
    case 'dpkg': {
      // A line for each architecture; the first that is installed counts.
      const version = /^installed (\S+)$/m.exec(said)?.[1]
      return version === undefined ? undefined : upstreamOf(version)
    }
    case 'program':
      return new RegExp(probe.pattern, 'm').exec(said)?.[1]
  }
}

/** The upstream part of a Debian version: without epoch, revision and repack marks. */
export function upstreamOf(version: string): string | undefined {
  const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '')
  return leadingVersion(upstream)
}

function leadingVersion(text: string): string | undefined {
  return /^\d+(?:\.[0-9]+)*[a-z]?/.exec(text)?.[0]
}
