/**
 * Targets: the systems that builds are made for, `os-arch`.
 *
 * Not here: what a host offers beyond them (`host-fact.ts`).
 */
import { AppError } from '#kernel/index.ts'
import { didYouMean } from './suggest.ts'

export type Target =
  | 'linux-x86_64'
  | 'linux-aarch64'
  | 'macos-arm64'
  | 'macos-x86_64'
  | 'windows-x86_64'

export const targets: readonly Target[] = [
  'linux-x86_64',
  'linux-aarch64',
  'macos-arm64',
  'macos-x86_64',
  'windows-x86_64',
]

/** Whether a text names a target that Backlot knows. */
export function isTarget(text: string): text is Target {
  return (targets as readonly string[]).includes(text)
}

/** The target of that name. @throws AppError `model/unknown-target` */
export function parseTarget(text: string): Target {
  if (isTarget(text)) return text
  const near = didYouMean(text, targets)
  throw new AppError('model/unknown-target', `Unknown target '${text.slice(0, 80)}'`, {
    hints: [...(near ? [`Did you mean '${near}'?`] : []), `Targets: ${targets.join(', ')}.`],
  })
}

/**
 * The target of the machine that this runs on.
 * @throws AppError `model/unknown-target` on a system that builds are not made for.
 */
export function hostTarget(
  platform: string = process.platform,
  arch: string = process.arch,
): Target {
  const os = { darwin: 'macos', win32: 'windows' }[platform] ?? platform
  const arm = os === 'linux' ? 'aarch64' : 'arm64'
  return parseTarget(`${os}-${{ x64: 'x86_64', arm64: arm }[arch] ?? arch}`)
}
