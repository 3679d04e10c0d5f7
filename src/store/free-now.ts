/**
 * Memory that is given back before the collector would: the next allocation gets the same pages,
 * and the system need not clear new ones, which costs as much as the work on them.
 */

/** Frees the memory behind `bytes` if it is all theirs; they are empty afterwards. */
export function freeNow({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0)
}
