/**
 * Credentials from Docker's and podman's configuration files and their helper programs.
 *
 * Invariant: secrets stay in memory and in the pipes to helpers; they are in no error.
 * Source: docker/cli, `config.json` (auths, credHelpers, credsStore); containers-auth.json(5).
 */
import { join } from 'node:path'
import { z } from 'zod'
import { AppError, readIfPresent, run, systemCode } from '#kernel/index.ts'
import type { Credential, Credentials } from './client/contract.ts'

const helperTimeoutMs = 30_000
const fileBytesMax = 4 * 1024 * 1024
const hubKey = 'https://index.docker.io/v1/'

const Entry = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
})
const ConfigFile = z.looseObject({
  auths: z.record(z.string(), Entry).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
})
type ConfigFile = z.infer<typeof ConfigFile>
const HelperAnswer = z.looseObject({ Username: z.string(), Secret: z.string() })

export interface DockerCredentialsOptions {
  /** First that knows the registry wins. */
  readonly paths: readonly string[]
  /** The environment for credential helpers; `PATH` finds them. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * The files that log-ins are kept in: the one that is named for podman, skopeo and buildah, that of
 * docker, then their own. Source: containers-auth.json(5).
 */
export function credentialFiles(
  env: Readonly<Record<string, string>>,
  uid: number | undefined,
): readonly string[] {
  const given = (name: string) => (env[name] === '' ? undefined : env[name])
  const asked = given('REGISTRY_AUTH_FILE')
  const home = given('HOME') ?? '/'
  const docker = given('DOCKER_CONFIG') ?? join(home, '.docker')
  const runtime = given('XDG_RUNTIME_DIR')
  const session = runtime === undefined ? `/run/containers/${uid}` : join(runtime, 'containers')
  const lasting = join(given('XDG_CONFIG_HOME') ?? join(home, '.config'), 'containers')
  return [
    ...(asked === undefined ? [] : [asked]),
    join(docker, 'config.json'),
    join(session, 'auth.json'),
    join(lasting, 'auth.json'),
  ]
}

/**
 * Reads the files anew each time that it is asked.
 * @throws AppError `oci/bad-credentials-file` from its calls
 */
export function dockerCredentials(options: DockerCredentialsOptions): Credentials {
  return async (registry) => {
    for (const path of options.paths) {
      const bytes = readConfig(path)
      if (bytes === undefined) continue
      const found = await credentialIn(parseConfig(bytes, path), registry, options.env)
      if (found !== undefined) return found
    }
    return undefined
  }
}

function readConfig(path: string): Uint8Array | undefined {
  try {
    return readIfPresent(path)
  } catch (error) {
    throw new AppError(
      'oci/bad-credentials-file',
      `${path} cannot be read: ${systemCode(error) ?? String(error)}`,
      { hints: ['Mend its permissions, or name another folder in DOCKER_CONFIG.'], cause: error },
    )
  }
}

async function credentialIn(
  config: ConfigFile,
  registry: string,
  env: Readonly<Record<string, string>>,
): Promise<Credential | undefined> {
  const keys = keysOf(registry)
  for (const key of keys) {
    const helper = config.credHelpers?.[key]
    if (helper !== undefined) return await fromHelper(helper, key, env)
  }
  for (const [key, entry] of Object.entries(config.auths ?? {})) {
    if (!keys.includes(key) && !keys.includes(hostOf(key))) continue
    const found = fromEntry(entry)
    if (found !== undefined) return found
  }
  const store = config.credsStore ?? ''
  return store === '' ? undefined : await fromHelper(store, keys[0] ?? registry, env)
}

/** The names under which a registry may be listed, most usual first. */
function keysOf(registry: string): readonly string[] {
  const hub = ['docker.io', 'index.docker.io', 'registry-1.docker.io']
  return registry === 'docker.io' ? [hubKey, ...hub] : [registry]
}

/** `https://host/v2/` and `host` are the same key. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '')
}

function fromEntry(entry: z.infer<typeof Entry>): Credential | undefined {
  if (entry.identitytoken) return { kind: 'identity-token', token: entry.identitytoken }
  const decoded = Buffer.from(entry.auth ?? '', 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  const username = entry.username ?? (colon < 0 ? undefined : decoded.slice(0, colon))
  const password = entry.password ?? (colon < 0 ? undefined : decoded.slice(colon + 1))
  if (username === undefined || password === undefined) return undefined
  return { kind: 'password', username, password: password.replace(/\0+$/, '') }
}

/** Asks `docker-credential-NAME`; undefined when it knows nothing of the registry. */
async function fromHelper(
  name: string,
  key: string,
  env: Readonly<Record<string, string>>,
): Promise<Credential | undefined> {
  const program = `docker-credential-${name}`
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) throw badHelper(program, 'its name is not a word')
  const result = await run([program, 'get'], {
    env,
    stdin: new TextEncoder().encode(`${key}\n`),
    timeoutMs: helperTimeoutMs,
  }).catch((error: unknown) => {
    const isMissing = error instanceof AppError && error.code === 'kernel/program-missing'
    throw isMissing ? badHelper(program, 'there is no such program') : error
  })
  if (result.exitCode !== 0) {
    if (/not found/i.test(result.stdout + result.stderr)) return undefined
    throw badHelper(program, `it ended with ${result.exitCode}`)
  }
  const answer = HelperAnswer.safeParse(jsonOf(result.stdout))
  if (!answer.success) throw badHelper(program, 'its answer has no Username and Secret')
  const { Username: username, Secret: secret } = answer.data
  if (username === '<token>') return { kind: 'identity-token', token: secret }
  return username === '' ? undefined : { kind: 'password', username, password: secret }
}

function parseConfig(bytes: Uint8Array, path: string): ConfigFile {
  const parsed =
    bytes.byteLength > fileBytesMax
      ? undefined
      : ConfigFile.safeParse(jsonOf(new TextDecoder().decode(bytes)))
  if (parsed?.success) return parsed.data
  throw new AppError('oci/bad-credentials-file', `${path} is not a Docker configuration file`, {
    hints: ['Mend it, or remove it and log in again with `docker login` or `podman login`.'],
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function badHelper(program: string, why: string): AppError {
  return new AppError(
    'oci/bad-credentials-file',
    `The credential helper ${program} failed: ${why}`,
    {
      hints: [`Run \`echo HOST | ${program} get\` to see why, or log in again.`],
    },
  )
}
