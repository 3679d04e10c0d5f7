/**
 * Where commands about a registry find its configuration and its folder.
 */
import { dirname, isAbsolute, join } from 'node:path'
import { AppError, limits, readNamed } from '#kernel/index.ts'
import type { RegistryPlace } from './context.ts'
import type { Work } from './work.ts'

/** How the options of a command name a registry. */
export interface RegistryChoice {
  /** Its folder; below the store when not given. */
  readonly data?: string | undefined
  /** Its registry.yaml. */
  readonly config?: string | undefined
}

/** A registry's folder and configuration. @throws AppError `model/bad-file` */
export async function located(
  work: Work,
  { data, config }: RegistryChoice,
): Promise<RegistryPlace> {
  return { dir: dataFolder(work, data), ...(await configured(work, config)) }
}

/** The configuration in a registry.yaml; an empty one when no file is named. */
export async function configured(
  work: Work,
  path: string | undefined,
): Promise<Omit<RegistryPlace, 'dir'>> {
  if (path === undefined) return { config: {}, folder: workFolder(work) }
  const file = join(isAbsolute(path) ? '/' : workFolder(work), path)
  const bytes = readNamed(
    file,
    (fault) =>
      new AppError('model/bad-file', `${file} ${fault}`, {
        hints: ['docs/formats/registry-yaml.md describes what belongs into it.'],
      }),
  )
  if (bytes.byteLength > limits.recipeBytesMax)
    throw new AppError(
      'kernel/too-large',
      `${file} has ${bytes.byteLength} bytes, and ${limits.recipeBytesMax} are the most`,
      { hints: ['Is this a registry.yaml? docs/formats/registry-yaml.md describes one.'] },
    )
  const { parseRegistryConfig } = await import('#model/index.ts')
  return {
    config: parseRegistryConfig(new TextDecoder().decode(bytes), file),
    folder: dirname(file),
  }
}

function dataFolder(work: Work, data: string | undefined): string {
  const dir = data ?? join(work.context.home, 'registry')
  return isAbsolute(dir) ? dir : join(workFolder(work), dir)
}

function workFolder({ context, shared }: Work): string {
  const { directory } = shared
  if (directory === undefined) return context.cwd
  return isAbsolute(directory) ? directory : join(context.cwd, directory)
}
