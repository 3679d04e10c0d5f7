/**
 * Digests: how every byte here is named.
 *
 * Invariant: a value of type `Digest` has been checked or computed, never merely typed.
 * Source: OCI image-spec 1.1, descriptor.md, "Digests".
 */
import { AppError } from './errors.ts'

export type DigestAlgorithm = 'sha256' | 'sha512'
export type Digest = `${DigestAlgorithm}:${string}`

const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

export function isDigest(text: string): text is Digest {
  return digestPattern.test(text)
}

/** @throws AppError `kernel/bad-digest` */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new AppError('kernel/bad-digest', `'${text.slice(0, 160)}' is not a digest`, {
    hints: ['A digest looks like sha256: and 64 hexadecimal digits.'],
  })
}

/** The algorithm and the hexadecimal part. */
export function digestParts(digest: Digest): { algorithm: DigestAlgorithm; hex: string } {
  const colon = digest.indexOf(':')
  return {
    algorithm: digest.startsWith('sha512') ? 'sha512' : 'sha256',
    hex: digest.slice(colon + 1),
  }
}

export function digestOf(
  bytes: Uint8Array | string,
  algorithm: DigestAlgorithm = 'sha256',
): Digest {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest('hex')}`
}

/** A digest being computed piece by piece. */
export interface Digester {
  update(bytes: Uint8Array | string): void
  digest(): Digest
}

export function digester(algorithm: DigestAlgorithm = 'sha256'): Digester {
  const hasher = new Bun.CryptoHasher(algorithm)
  return {
    update: (bytes) => void hasher.update(bytes),
    digest: () => `${algorithm}:${hasher.digest('hex')}`,
  }
}

/**
 * JSON with sorted keys and no white space: equal values give equal bytes.
 * Members that are `undefined` are left out, as in JSON.stringify.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
