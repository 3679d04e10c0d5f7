import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { compare, median, milliseconds } from './harness.ts'

test('the median of an even number of values is the mean of the middle two', () => {
  expect(median([9, 1, 4, 2])).toBe(3)
  expect(median([5, 1, 100])).toBe(5)
})

test('both sides take turns, and warm-up rounds are not counted', async () => {
  const turns: string[] = []
  const side = (name: string) => ({ run: () => void turns.push(name) })

  await compare(side('own'), side('peer'), { rounds: 2, warm: 1 })

  expect(turns).toEqual(['own', 'peer', 'own', 'peer', 'own', 'peer'])
})

test('a figure over its bar is not ok', () => {
  expect(milliseconds('x', { value: 20.004, bar: 20, peer: null }).ok).toBe(false)
  expect(milliseconds('x', { value: 20, bar: 20, peer: 1 }).ok).toBe(true)
})

test.each([
  ['WRONG', /^No benchmark 'WRONG', only: path, .*registry\/soak\n$/],
  ['--minutes=many', /^'many' is no number of minutes\n$/],
])('%s is wrong use, told in a line', (word, says) => {
  const main = join(import.meta.dir, 'main.ts')
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, main, word], { stderr: 'pipe' })

  expect({ exitCode, stderr: stderr.toString() }).toEqual({
    exitCode: 2,
    stderr: expect.stringMatching(says),
  })
})
