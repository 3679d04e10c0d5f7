import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { receivedRange, uploadRange, wantedRange } from './ranges.ts'

test('a range is what a slice would give, or unsatisfiable when that is empty', () => {
  const size = fc.integer({ min: 0, max: 20 })
  const bound = fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined })
  fc.assert(
    fc.property(size, bound, bound, (sizeBytes, first, last) => {
      const got = wantedRange(`bytes=${first ?? ''}-${last ?? ''}`, sizeBytes)
      if (first === undefined && last === undefined) return expect(got.kind).toBe('whole')
      const all = Array.from({ length: sizeBytes }, (_, at) => at)
      const wanted =
        first === undefined
          ? all.slice(Math.max(0, sizeBytes - (last ?? 0)))
          : all.filter((at) => at >= first && at <= (last ?? sizeBytes))
      const sliced = got.kind === 'part' ? all.slice(got.start, got.end) : []
      return expect([got.kind === 'unsatisfiable', sliced]).toEqual([wanted.length === 0, wanted])
    }),
  )
})

test.each([null, '', 'bytes', 'bytes=', 'bytes=-', 'bytes=1', 'bytes=1-2,3-4', 'lines=1-2'])(
  '%s is no range that we know, so the whole is sent',
  (header) => expect(wantedRange(header, 10)).toEqual({ kind: 'whole' }),
)

test('the range of a part of an upload', () => {
  expect(uploadRange(undefined)).toBeUndefined()
  expect(uploadRange('0-9')).toEqual({ start: 0, sizeBytes: 10 })
  expect(uploadRange('bytes 5-5/100')).toEqual({ start: 5, sizeBytes: 1 })
  for (const bad of ['', '-', '1-', '9-1', 'a-b', '0x1-2', `0-${'9'.repeat(20)}`])
    expect(() => uploadRange(bad)).toThrow(/first-last/)
  expect([0, 1, 2].map(receivedRange)).toEqual(['0-0', '0-0', '0-1'])
})
