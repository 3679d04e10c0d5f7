/**
 * The configuration of an image: what its base says, then what was asked for.
 *
 * Invariant: the same settings give the same bytes; times come from the caller, never the clock.
 * Source: OCI image-spec 1.1, config.md.
 */
import { AppError, canonicalJson, type Digest } from '#kernel/index.ts'
import type { Target } from '#model/index.ts'
import type { ImageConfig } from '#oci/index.ts'

export interface ImageSettings {
  readonly labels?: Readonly<Record<string, string>>
  /** Variables beyond those of the base; `${NAME}` in a value stands for the base's value. */
  readonly environment?: Readonly<Record<string, string>>
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly user?: string
  readonly workingDirectory?: string
}

/** A layer as the configuration tells it. */
export interface LayerHistory {
  readonly diffId: Digest
  /** What made it, e.g. `imath 3.1.6`. */
  readonly createdBy: string
}

export interface ConfigInput {
  readonly base: ImageConfig | undefined
  readonly layers: readonly LayerHistory[]
  readonly target: Target
  readonly settings: ImageSettings
  readonly epochSeconds: number
}

const pathOfScratch = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** What OCI calls a target's operating system and processor. */
export function platformOf(target: Target): { readonly os: string; readonly architecture: string } {
  const [os = '', processor = ''] = target.split('-')
  const architecture = processor === 'x86_64' ? 'amd64' : 'arm64'
  return { os: os === 'macos' ? 'darwin' : os, architecture }
}

/**
 * The bytes of the configuration, members sorted.
 * @throws AppError `image/bad-setting`
 */
export function imageConfig(input: ConfigInput): Uint8Array {
  const { base, settings } = input
  checkSettings(settings)
  const created = new Date(input.epochSeconds * 1000).toISOString().replace('.000Z', 'Z')
  const inner = base?.config ?? {}
  const history = input.layers.map(({ createdBy }) => ({ created, created_by: createdBy }))
  const value = {
    ...base,
    ...platformOf(input.target),
    created,
    config: {
      ...inner,
      Env: mergeEnvironment(inner.Env ?? undefined, settings.environment ?? {}),
      ...labelsOf(inner.Labels ?? undefined, settings.labels),
      ...entryOf(settings),
      ...(settings.user === undefined ? {} : { User: settings.user }),
      ...(settings.workingDirectory === undefined ? {} : { WorkingDir: settings.workingDirectory }),
    },
    rootfs: {
      type: 'layers',
      diff_ids: [...(base?.rootfs.diff_ids ?? []), ...input.layers.map(({ diffId }) => diffId)],
    },
    history: [...baseHistory(base), ...history],
  }
  return new TextEncoder().encode(canonicalJson(value))
}

/** A new entrypoint makes the base's command meaningless, as in a Dockerfile. */
function entryOf(settings: ImageSettings): object {
  const { entrypoint, command } = settings
  if (entrypoint !== undefined) return { Entrypoint: entrypoint, Cmd: command ?? null }
  return command === undefined ? {} : { Cmd: command }
}

function labelsOf(
  base: Readonly<Record<string, string>> | undefined,
  own: ImageSettings['labels'],
) {
  const labels = { ...base, ...own }
  return Object.keys(labels).length === 0 ? {} : { Labels: labels }
}

/** One entry for each layer, also where the base tells nothing of its own. */
function baseHistory(base: ImageConfig | undefined): readonly object[] {
  if (base === undefined) return []
  const told = base.history ?? []
  const layers = told.filter((entry) => entry.empty_layer !== true).length
  const wanted = base.rootfs.diff_ids.length
  return layers === wanted ? told : base.rootfs.diff_ids.map(() => ({ created_by: 'base' }))
}

function mergeEnvironment(
  base: readonly string[] | undefined,
  own: Readonly<Record<string, string>>,
): readonly string[] {
  const merged = new Map<string, string>([['PATH', pathOfScratch]])
  for (const line of base ?? []) {
    // A base of others may name a variable without a value.
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(line) ?? []
    merged.set(name, value)
  }
  const before = new Map(merged)
  for (const [name, value] of Object.entries(own))
    merged.set(
      name,
      value.replaceAll(/\$\{([A-Za-z_]\w*)\}/g, (_all, other: string) => before.get(other) ?? ''),
    )
  return [...merged].map(([name, value]) => `${name}=${value}`)
}

function checkSettings(settings: ImageSettings): void {
  for (const name of Object.keys(settings.environment ?? {}))
    if (!/^[A-Za-z_]\w*$/.test(name)) throw badSetting(`'${name}' is not a variable's name`)
  for (const name of Object.keys(settings.labels ?? {}))
    if (name === '' || /\s/.test(name)) throw badSetting(`'${name}' is not a label's name`)
  const folder = settings.workingDirectory
  if (folder !== undefined && !folder.startsWith('/'))
    throw badSetting(`The working folder '${folder}' does not begin with /`)
}

function badSetting(message: string): AppError {
  return new AppError('image/bad-setting', message, {
    hints: ['See docs/images.md for what an image can be given.'],
  })
}
