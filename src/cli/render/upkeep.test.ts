import { expect, test } from 'bun:test'
import type { DoctorCheck } from '#app/index.ts'
import { width } from '../human.ts'
import { pageOn } from '../page.ts'
import { screen } from '../screen.fixture.ts'
import { doctorText } from './upkeep.ts'

const checks: readonly DoctorCheck[] = [
  {
    name: 'host',
    state: 'ok',
    purpose: 'everything',
    required: true,
    found: 'Debian GNU/Linux 12 (bookworm); __archspec 4, __glibc 2.36',
  },
  { name: 'cmake', state: 'missing', purpose: 'builds', required: true, found: 'not found' },
]

test('on a narrow terminal no line of the doctor is cut, and what lacks says for what', () => {
  const on = (columns: number, isTerminal = true) =>
    doctorText(checks, pageOn(screen({ columns, isTerminal }), { choice: 'never', env: {} }))

  const narrow = on(40).split('\n')
  expect(Math.max(...narrow.map(width))).toBeLessThanOrEqual(40)
  expect(narrow).toContain(' ✗ cmake  not found, for builds')
  expect(narrow.join(' ')).not.toContain('everything')
  expect(on(120)).toContain('__glibc 2.36  everything')
  expect(on(40, false)).toBe(on(120))
})
