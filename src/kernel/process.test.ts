import { expect, test } from 'bun:test'
import { run } from './process.ts'

const env = { PATH: process.env['PATH'] ?? '' }

test('a program that never stops talking is ended, and what came before is given', async () => {
  const said = await run(['cat', '/dev/zero'], { env })
  expect(said.exitCode).toBe(143)
  expect(said.stdout.length).toBeLessThanOrEqual(64 * 1024 ** 2)
  expect(said.stdout.length).toBeGreaterThan(0)

  const little = await run(['sh', '-c', 'exec cat /dev/zero >&2'], {
    env,
    outputBytesMax: 1_000_000,
  })
  expect(little.exitCode).toBe(143)
  expect(little.stderr.length).toBeLessThanOrEqual(1_000_000)
})

test('both streams are given whole, with the exit code', async () => {
  const line = 'printf "out é"; printf err >&2; exit 3'
  expect(await run(['sh', '-c', line], { env })).toEqual({
    exitCode: 3,
    stdout: 'out é',
    stderr: 'err',
  })
})

test('silence ends a program', async () => {
  const said = await run(['sh', '-c', 'echo so; exec sleep 1000'], { env, silenceMs: 50 })
  expect(said).toEqual({ exitCode: 143, stdout: 'so\n', stderr: '' })
})
