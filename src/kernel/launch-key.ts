/**
 * Where the launch record of an environment is kept, computed without loading any other room.
 *
 * Invariant: the name covers all that chooses the environment: the bytes of backlot.yaml and
 * backlot.lock, the environment's name, how it is launched, and the overrides in BACKLOT_*
 * variables. So a record under that name never needs to be compared with the project again.
 * Both sides use it: `main.ts` to read, `#app` to write.
 */
import { readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { canonicalJson, digestOf, digestParts } from './digest.ts'

export interface LaunchChoice {
  readonly home: string
  /** Folder of backlot.yaml and backlot.lock. */
  readonly folder: string
  readonly environment?: string | undefined
  readonly frozen?: boolean | undefined
  readonly launch?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly programVersion: string
}

/** The path of the record; undefined when the project or its lockfile cannot be read. */
export function launchRecordPath(choice: LaunchChoice): string | undefined {
  const { home, folder, env } = choice
  const project = readOrNothing(join(folder, 'backlot.yaml'))
  const lockfile = readOrNothing(join(folder, 'backlot.lock'))
  if (project === undefined || lockfile === undefined) return undefined
  const overrides = Object.entries(env).filter(
    ([name]) => name.startsWith('BACKLOT_') && name !== 'BACKLOT_HOME',
  )
  const key = canonicalJson({
    format: 1,
    folder,
    project: digestOf(project),
    lockfile: digestOf(lockfile),
    environment: choice.environment ?? 'default',
    frozen: choice.frozen ?? false,
    launch: choice.launch ?? null,
    overrides: Object.fromEntries(overrides),
    programVersion: choice.programVersion,
  })
  return join(home, 'runs', `${digestParts(digestOf(key)).hex}.json`)
}

/** The folder of the nearest backlot.yaml, from `cwd` upwards. */
export function findProjectFolder(cwd: string): string | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (isFile(join(folder, 'backlot.yaml'))) return folder
    if (dirname(folder) === folder) return undefined
  }
}

/** The local store: `BACKLOT_HOME`, or the place that the system has for such data. */
export function homeFolder(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): string {
  const { BACKLOT_HOME: chosen, XDG_DATA_HOME: data, LOCALAPPDATA: local } = env
  if (chosen !== undefined && chosen !== '') return chosen
  if (platform === 'win32' && local !== undefined) return join(local, 'backlot')
  // The XDG specification has relative paths ignored.
  if (data !== undefined && isAbsolute(data)) return join(data, 'backlot')
  const { HOME: own = '' } = env
  return join(own === '' ? userInfo().homedir : own, '.local', 'share', 'backlot')
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** What is no file is not opened: a pipe would be waited for. */
function readOrNothing(path: string): Uint8Array | undefined {
  try {
    return isFile(path) ? readFileSync(path) : undefined
  } catch {
    return undefined
  }
}
