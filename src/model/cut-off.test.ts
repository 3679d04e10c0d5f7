import { expect, test } from 'bun:test'
import { checkCutOff, cutOffAt } from './cut-off.ts'

const now = Date.parse('2026-03-01T12:00:00.5Z')
const at = (text: string) => new Date(cutOffAt(text, now) * 1000).toISOString()

test.each([
  ['2026-01-31', '2026-01-31T23:59:59.000Z'],
  ['2024-02-29', '2024-02-29T23:59:59.000Z'],
  ['2026-01-31T12:30:00Z', '2026-01-31T12:30:00.000Z'],
  ['2026-01-31T12:30:00.9+02:00', '2026-01-31T10:30:00.000Z'],
  ['14d', '2026-02-15T12:00:00.000Z'],
  ['2w', '2026-02-15T12:00:00.000Z'],
  ['2 weeks', '2026-02-15T12:00:00.000Z'],
  [' 1 day ', '2026-02-28T12:00:00.000Z'],
  ['36h', '2026-02-28T00:00:00.000Z'],
  ['P14D', '2026-02-15T12:00:00.000Z'],
])('%s', (text, want) => {
  expect(at(text)).toBe(want)
  expect(checkCutOff(text)).toBe(text.trim())
})

test.each([
  '',
  '14',
  '14m',
  '1y',
  '-3d',
  'yesterday',
  '2026-02-30',
  '2026-13-01',
  '2026-1-1',
  '2026-01-31T25:00:00Z',
  '2026-01-31T12:00:00',
  '999999d',
])('%p is refused', (text) => {
  expect(() => cutOffAt(text, now)).toThrow(expect.objectContaining({ code: 'model/bad-date' }))
})
