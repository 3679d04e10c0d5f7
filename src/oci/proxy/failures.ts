/** What clients of the cache are told when an upstream does not give what they want. */
import { AppError } from '#kernel/index.ts'
import type { PulledName, Upstream } from './contract.ts'

const laters = {
  busy: {
    code: 'oci/upstream-busy',
    state: (registry: string) => `${registry} says that it is busy`,
    remedy: 'a mirror, for such times',
  },
  'used-up': {
    code: 'oci/too-many-requests',
    state: (registry: string) => `The pulls that ${registry} allows are used up`,
    remedy: 'an account, a further one, or a mirror',
  },
} as const

/** An upstream wants to be left alone: its pulls are used up, or it is busy. */
export class AskLater extends AppError {
  /** When to ask again. */
  readonly retryAfterSeconds: number

  constructor({ registry, prefix }: Upstream, why: keyof typeof laters, waitMs = 60_000) {
    const { code, state, remedy } = laters[why]
    const seconds = Math.max(1, Math.ceil(waitMs / 1000))
    super(code, `${state(registry)}; ask again in ${seconds} s`, {
      hints: [
        'What was pulled before can still be pulled.',
        `Give the upstream '${prefix}' ${remedy}.`,
      ],
      retryable: true,
    })
    this.retryAfterSeconds = seconds
  }
}

const mayBeHidden = 'Check the spelling; an upstream hides private repositories from strangers.'

export function manifestUnknown({ local }: PulledName, reference: string): AppError {
  return new AppError(
    'oci/manifest-unknown',
    `${local} has no manifest ${reference.slice(0, 140)}, as its upstream says`,
    { hints: [mayBeHidden] },
  )
}

export function blobUnknown({ local }: PulledName, digest: string): AppError {
  return new AppError('oci/blob-unknown', `${local} has no blob ${digest}, as its upstream says`)
}

export function nameUnknown({ local }: PulledName): AppError {
  return new AppError(
    'oci/name-unknown',
    `${local} is not there or has no tags, as its upstream says`,
    { hints: [mayBeHidden] },
  )
}

/** Whether the upstream said that there is no such thing, or that we may not see it. */
export function saysAbsent(error: unknown): boolean {
  if (!(error instanceof AppError)) return false
  const { code } = error
  return (
    code === 'oci/manifest-unknown' ||
    code === 'oci/blob-unknown' ||
    code === 'oci/name-unknown' ||
    // Registries say so of repositories that are not there, so that nobody can guess names.
    code === 'oci/unauthorized' ||
    code === 'oci/denied'
  )
}

/** A failure of the upstream as its clients see it. */
export function failed({ upstream, local }: PulledName, error: unknown): unknown {
  if (error instanceof AskLater || !(error instanceof AppError)) return error
  // The fault is ours, not the upstream's.
  if (error.code.startsWith('kernel/')) return error
  if (error.code === 'oci/too-many-requests') return new AskLater(upstream, 'used-up')
  return new AppError(
    'oci/upstream-failed',
    `${upstream.registry} could not give ${local}: ${error.message}`,
    {
      hints: ['What was pulled before can still be pulled. Ask again later.'],
      retryable: error.retryable,
      cause: error,
    },
  )
}

/** Why something is served that may have changed, in a few words without quotes. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof AppError)) return 'it failed'
  if (error.code === 'oci/upstream-busy') return 'it is busy'
  if (error.code === 'oci/unreachable') return 'it cannot be reached'
  if (error.code === 'oci/too-many-requests') return 'its pulls are used up'
  return 'it failed'
}
