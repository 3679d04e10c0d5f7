import { expect, test } from 'bun:test'
import { AppError, fixedClock, type WorkEvent } from '#kernel/index.ts'
import { toldFaults } from './faults.ts'

function listener() {
  let nowMs = 1_000_000
  const told: WorkEvent[] = []
  const tell = toldFaults((event) => told.push(event), { nowMs: () => nowMs })
  return { tell, told, pass: (ms: number) => (nowMs += ms) }
}

test('what fails for every client is told once a minute', () => {
  const { tell, told, pass } = listener()
  const down = new AppError('oci/upstream-failed', 'a.test is down')
  for (let at = 0; at < 100; at += 1) tell('GET', down)
  tell('HEAD', down)
  pass(59_999)
  tell('GET', down)
  expect(told.map((one) => 'text' in one && one.text)).toEqual([
    'GET failed: a.test is down',
    'HEAD failed: a.test is down',
  ])
  pass(1)
  tell('GET', down)
  expect(told).toHaveLength(3)
})

test('faults of clients are no news, lost blobs are; one of the configuration has hints', () => {
  const { tell, told } = listener()
  tell('GET', new AppError('oci/manifest-unknown', 'a has no manifest 1'))
  tell('GET', new AppError('store/blob-unknown', 'a blob is lost'))
  const hints = ['A registry of your own network is allowed by `private: true`.']
  const cause = new AppError('oci/private-address', 'a.test is not public', { hints })
  tell('GET', new AppError('oci/upstream-failed', 'a.test is not public', { cause }))
  tell('GET', new TypeError('Broken invariant'))
  expect(told).toMatchObject([
    { text: 'GET failed: a blob is lost', hints: [] },
    { text: 'GET failed: a.test is not public', hints },
    { text: 'GET failed: Broken invariant', hints: [] },
  ])
})

test('however many different things fail, what is remembered of them is bounded', () => {
  const told: WorkEvent[] = []
  const tell = toldFaults((event) => told.push(event), fixedClock(0))
  for (let at = 0; at < 1001; at += 1) tell('GET', new TypeError(`${at}`))
  tell('GET', new TypeError('0'))
  tell('GET', new TypeError('1000'))
  expect(told).toHaveLength(1002)
})
