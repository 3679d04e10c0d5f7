import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, temporaryFolder } from '#kernel/index.ts'
import { readJunit } from '../tools/testing/junit.ts'

test('a test whose program is missing is skipped by name, and says which', async () => {
  using folder = temporaryFolder()
  mkdirSync(folder.path, { recursive: true })
  const module = join(import.meta.dir, 'outside.ts')
  const text = [
    `import { outside } from ${JSON.stringify(module)}`,
    "outside(['sh'])('runs', () => {})",
    "outside(['sh', 'no-such-program'])('waits', () => { throw new Error('ran') })",
    "outside(['no-such-program']).each([1, 2])('waits for %d', () => { throw new Error('ran') })",
  ].join('\n')
  writeFileSync(join(folder.path, 'planted.test.ts'), text)
  const argv = [process.execPath, 'test', '--reporter=junit', '--reporter-outfile=out.xml']

  const { exitCode } = await run(argv, {
    cwd: folder.path,
    env: { PATH: process.env['PATH'] ?? '' },
  })

  expect(exitCode).toBe(0)
  expect(readJunit(readFileSync(join(folder.path, 'out.xml'), 'utf8'))).toEqual({
    passed: 1,
    failed: [],
    skipped: ['waits (needs no-such-program)', 'waits for %d, 2 cases (needs no-such-program)'],
  })
})
