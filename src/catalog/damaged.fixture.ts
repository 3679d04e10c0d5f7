/** Files as a bad disk leaves them. */
import * as fc from 'fast-check'

/** The bytes with one of them set to any value, and sometimes cut short. */
export function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.nat(bytes.length - 1),
    byte: fc.nat(255),
    cut: fc.option(fc.nat(bytes.length)),
  })
  return change.map(({ at, byte, cut }) => {
    const broken = bytes.slice(0, cut ?? bytes.length)
    broken[at] = byte
    return broken
  })
}
