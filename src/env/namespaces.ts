/**
 * Whether this machine lets us mount a view over the prefix, and with which program.
 *
 * The answer is measured by doing it, since sysctls, seccomp and AppArmor all have a say.
 */
export type NamespaceSupport =
  | {
      readonly kind: 'available'
      /** Path of bubblewrap. */
      readonly program: string
      /** Whether a scratch layer can lie over the view: by bubblewrap itself, or by overlayfs. */
      readonly scratch: 'bubblewrap' | 'overlayfs' | 'none'
    }
  | {
      readonly kind: 'refused'
      /** One clause: why. */
      readonly reason: string
      readonly hints: readonly string[]
    }

export interface NamespaceOptions {
  /** A PATH-like list. */
  readonly path: string
  readonly prefix?: string
}

/** Tries to mount a folder over the prefix; takes about 5 ms. */
export function probeNamespaces(options: NamespaceOptions): NamespaceSupport {
  throw new Error(`not yet ${options.path}`)
}
