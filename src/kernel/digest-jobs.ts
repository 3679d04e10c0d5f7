/** What the threads that hash are asked, and what they answer. */
import type { Digest, DigestAlgorithm } from './digest.ts'

/** What a thread is asked. Only `digest` has an answer to tell. */
export type DigestJob =
  | { readonly kind: 'begin'; readonly algorithm: DigestAlgorithm }
  | { readonly kind: 'update'; readonly bytes: Uint8Array<SharedArrayBuffer> }
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number }
  | { readonly kind: 'digest' }
  | { readonly kind: 'drop' }

export interface DigestQuestion {
  readonly id: number
  readonly digester: number
  readonly job: DigestJob
}

export interface DigestAnswer {
  readonly id: number
  readonly digest?: Digest
  readonly failure?: string
}
