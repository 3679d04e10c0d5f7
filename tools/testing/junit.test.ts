import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, temporaryFolder } from '#kernel/index.ts'
import { readJunit } from './junit.ts'

test('reads what bun writes: nested, skipped and failed tests, names with quotes', async () => {
  using folder = temporaryFolder()
  const text = [
    "import { describe, expect, test } from 'bun:test'",
    'test(\'is <"fine"> & well\', () => expect(1).toBe(1))',
    "describe('outer', () => {",
    "  describe('inner', () => test('fails', () => expect('</testcase>').toBe('<skipped/>')))",
    "  test.skip('waits', () => {})",
    '})',
  ].join('\n')
  mkdirSync(folder.path, { recursive: true })
  writeFileSync(join(folder.path, 'planted.test.ts'), text)
  const reporter = ['--reporter=junit', '--reporter-outfile=out.xml']
  await run([process.execPath, 'test', ...reporter], { cwd: folder.path, env: {} })

  const outcome = readJunit(readFileSync(join(folder.path, 'out.xml'), 'utf8'))

  expect(outcome).toEqual({ passed: 1, failed: ['fails'], skipped: ['waits'] })
})
