import { expect, test } from 'bun:test'
import type { GraphOutcome } from '#build/index.ts'
import { AppError } from '#kernel/index.ts'
import { failureOf } from './build-failures.ts'

const failed = (error: unknown): GraphOutcome => ({ kind: 'failed', error })
const skipped: GraphOutcome = { kind: 'skipped', because: 'imath 3.1.6' }
const imath = new AppError('build/failed', 'imath: compile ended with 1', { hints: ['log of it'] })
const zlib = new AppError('build/export-broken', 'zlib does not export', { hints: ['other log'] })

test('every failure is told, and what was not tried', () => {
  const outcomes = new Map([
    ['imath 3.1.6', failed(imath)],
    ['zlib 1.3', failed(zlib)],
    ['openexr 3.1.5', skipped],
  ])

  expect(failureOf(outcomes)).toMatchObject({
    code: 'build/failed',
    message: `${imath.message}\n\n${zlib.message}\n\nNot tried, as they need it: openexr 3.1.5`,
    hints: ['log of it', 'other log'],
  })
})

test('one failure, a cancellation and a fault of our own are told as they are', () => {
  const cancelled = new AppError('kernel/cancelled', 'cancelled')
  const fault = new TypeError('Broken invariant')

  expect(failureOf(new Map([['imath 3.1.6', failed(imath)]]))).toBe(imath)
  expect(
    failureOf(
      new Map([
        ['a', failed(imath)],
        ['b', failed(cancelled)],
      ]),
    ),
  ).toBe(cancelled)
  expect(
    failureOf(
      new Map([
        ['a', failed(imath)],
        ['b', failed(fault)],
      ]),
    ),
  ).toBe(fault)
  expect(failureOf(new Map([['openexr 3.1.5', skipped]]))).toBeUndefined()
})
