/**
 * Facts about a host, as virtual packages: `__glibc 2.28`, `__cuda 12.4`, `__linux 5.14`.
 *
 * Requirements name them as they name packages; nothing is ever installed for one.
 * Not here: finding the facts out (`#env`).
 */
import { AppError } from '#kernel/index.ts'
import { isVirtualName } from './name.ts'
import { parseVersion, type Version } from './version.ts'

export interface HostFact {
  readonly name: `__${string}`
  readonly version: Version
}

/** What each well-known fact means; others are allowed. */
export const knownHostFacts: Readonly<Record<`__${string}`, string>> = {
  __linux: 'version of the Linux kernel',
  __glibc: 'version of the GNU C library',
  __macos: 'version of macOS',
  __windows: 'version of Windows',
  __cuda: 'highest CUDA version that the driver runs',
  __archspec: 'level of the processor: 1 to 4 for x86-64-v1 to v4',
}

/**
 * A fact as overrides write it: `__glibc=2.17` or `__cuda 12.4`.
 * @throws AppError `model/bad-name`, `model/bad-version`
 */
export function parseHostFact(text: string): HostFact {
  const [name = '', version = '', ...rest] = text.trim().split(/\s*[=\s]\s*/)
  if (!isVirtualName(name) || rest.length > 0)
    throw new AppError('model/bad-name', `'${text.slice(0, 120)}' is not a fact about a host`, {
      hints: ["Write the name and the version, such as '__glibc=2.17'."],
    })
  return { name, version: parseVersion(version) }
}
