/**
 * Ranges: of a blob that is read (RFC 9110, 14.1) and of an upload that grows (distribution-spec).
 */
import { AppError } from '#kernel/index.ts'

export type WantedRange =
  | { readonly kind: 'whole' }
  /** `end` is the byte after the last. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' }

/**
 * The part of `sizeBytes` bytes that a `Range` header asks for. What is not understood, and
 * several ranges at once, mean the whole, as the RFC allows.
 */
export function wantedRange(header: string | null, sizeBytes: number): WantedRange {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? '')
  if (match === null) return { kind: 'whole' }
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return { kind: 'whole' }
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  return start < end ? { kind: 'part', start, end } : { kind: 'unsatisfiable' }
}

/**
 * The `Content-Range` of a part of an upload: `first-last`, both inclusive, without a unit.
 * @throws AppError `oci/range-invalid`
 */
export function uploadRange(
  header: string | undefined,
): { readonly start: number; readonly sizeBytes: number } | undefined {
  if (header === undefined) return undefined
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header.trim())
  const [start, last] = [Number(match?.[1]), Number(match?.[2])]
  if (match === null || last < start)
    throw new AppError('oci/range-invalid', `'${header.slice(0, 60)}' is not \`first-last\``)
  return { start, sizeBytes: last - start + 1 }
}

/** How far an upload came, as the `Range` header of an answer. */
export function receivedRange(sizeBytes: number): string {
  return `0-${Math.max(0, sizeBytes - 1)}`
}
