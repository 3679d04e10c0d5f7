/**
 * The configuration of an image: what its base says, then what was asked for.
 *
 * Invariant: the same settings give the same bytes; times come from the caller, never the clock.
 * Source: OCI image-spec 1.1, config.md.
 */
export interface ImageSettings {
  readonly labels?: Readonly<Record<string, string>>
  /** Variables beyond those of the base; list variables are put in front by the caller. */
  readonly environment?: Readonly<Record<string, string>>
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly user?: string
  readonly workingDirectory?: string
}
