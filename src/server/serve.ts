/** `backlot serve`: the app behind Bun's HTTP server. */
import type { Emit } from '#kernel/index.ts'
import type { RegistryAppOptions } from './app.ts'

export interface ServeOptions extends RegistryAppOptions {
  readonly dir: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
  readonly emit?: Emit
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string
  /** Host and port, as references write them. */
  readonly registry: string
  readonly port: number
  /** Ends requests in flight after a short grace and closes the registry. */
  stop(): Promise<void>
}

/** Serves the registry in `dir`. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  throw new TypeError(`not there yet: ${options.dir}`)
}
