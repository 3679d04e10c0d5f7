/**
 * What is below Node's zlib streams: a handle that works at once, in memory that it is given.
 *
 * Source: lib/internal zlib handles of Node, as Bun has them.
 */

/** The part of a zlib stream that does its work at once. */
interface Handle {
  onerror: (message: string) => void
  reset(): void
  writeSync(
    flush: number,
    from: Uint8Array,
    fromAt: number,
    fromBytes: number,
    into: Uint8Array,
    intoAt: number,
    intoBytes: number,
  ): void
}

export interface ZlibInside {
  /** Closes its handle when it is collected. */
  readonly stream: object
  readonly handle: Handle
  /** How many bytes of output and of input the last write has left. */
  readonly left: Uint32Array
  failure: string | undefined
}

/** The handle of a stream, which is used for nothing else. */
export function insideOf(stream: object): ZlibInside {
  const handle: unknown = Reflect.get(stream, '_handle')
  const left: unknown = Reflect.get(stream, '_writeState')
  if (!isHandle(handle) || !(left instanceof Uint32Array))
    throw new TypeError('The zlib of this runtime has no handle that writes at once')
  const inside: ZlibInside = { stream, handle, left, failure: undefined }
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- it is no event target
  handle.onerror = (message) => void (inside.failure = message)
  return inside
}

function isHandle(value: unknown): value is Handle {
  if (typeof value !== 'object' || value === null) return false
  return 'writeSync' in value && 'onerror' in value && 'reset' in value
}
