/**
 * Static libraries without the times, owners and modes of the machine that made them.
 *
 * Source: ar(5), the common format; the same as binutils' `ar D`.
 */
const magic = '!<arch>\n'
const headerBytes = 60

/** Puts zeros where times and owners are, in place. False where the bytes are no archive. */
export function normalizeArchive(bytes: Uint8Array): boolean {
  const text = (start: number, end: number) => String.fromCharCode(...bytes.subarray(start, end))
  if (text(0, magic.length) !== magic) return false
  for (let at = magic.length; at + headerBytes <= bytes.length; ) {
    if (text(at + 58, at + 60) !== '`\n') return false
    const size = Number(text(at + 48, at + 58))
    if (!Number.isInteger(size)) return false
    const name = text(at, at + 16).trimEnd()
    put(bytes, { at: at + 16, length: 12, value: '0' })
    put(bytes, { at: at + 28, length: 6, value: '0' })
    put(bytes, { at: at + 34, length: 6, value: '0' })
    put(bytes, { at: at + 40, length: 8, value: name === '/' || name === '//' ? '0' : '644' })
    at += headerBytes + size + (size % 2)
  }
  return true
}

function put(bytes: Uint8Array, field: { at: number; length: number; value: string }): void {
  bytes.set(new TextEncoder().encode(field.value.padEnd(field.length)), field.at)
}
