/** Credentials from Docker's and podman's configuration files. */
import type { Credentials } from './client/contract.ts'

export interface DockerCredentialsOptions {
  /** Candidates, first that knows the registry wins: `~/.docker/config.json`, podman's `auth.json`. */
  readonly paths: readonly string[]
  /** The environment for credential helpers; `PATH` finds them. */
  readonly env: Readonly<Record<string, string>>
}

/** Reads the files anew for each registry that is asked for, once. */
export function dockerCredentials(options: DockerCredentialsOptions): Credentials {
  throw new TypeError(`not there yet: ${options.paths.join()}`)
}
