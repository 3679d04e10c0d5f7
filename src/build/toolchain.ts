/**
 * Which compiler and which build programs a build would use.
 *
 * Not here: installing them.
 */

/** What is compiled with. Everything in it is part of the build id. */
export interface Toolchain {
  readonly compiler: 'gcc' | 'clang'
  /** As the compiler says with `-dumpfullversion`. */
  readonly version: string
  readonly cc: string
  readonly cxx: string
  readonly cmake?: string | undefined
  readonly ninja?: string | undefined
  readonly python?: string | undefined
  readonly cxxStandard?: number | undefined
  readonly cxx11Abi?: 0 | 1 | undefined
}

export interface ToolchainOptions {
  readonly prefer?: 'gcc' | 'clang' | undefined
  /** The host's `PATH`; /usr/local is never looked at, because builds do not see the host's. */
  readonly path: string
  readonly cxxStandard?: number | undefined
  readonly cxx11Abi?: 0 | 1 | undefined
  readonly signal?: AbortSignal | undefined
}
