import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { run } from '#kernel/index.ts'
import { environmentWith } from '../environment.ts'

const runner = join(import.meta.dir, '../test.ts')

test('the last line is the sum, and what is not ok has an exit code', async () => {
  const env = environmentWith({ NO_COLOR: '1' })

  const one = await run([process.execPath, runner, 'tools/testing/junit'], { env })
  const none = await run([process.execPath, runner, 'no/such/test'], { env })

  expect(one).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/\n1 passed, 0 failed, 0 skipped\n$/),
  })
  expect(none).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/\n0 passed, 0 failed, 0 skipped\n$/),
  })
})
