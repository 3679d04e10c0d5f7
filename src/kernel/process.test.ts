import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../test/until.ts'
import { temporaryFolder } from './files.ts'
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

/** Of proc(5), `stat`: what stands after the name of the program. */
function sessionOf(pid: string): string | undefined {
  const [, after = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  return after.split(' ')[3]
}

test.if(process.platform === 'linux')(
  'what left the group of a cancelled program ends with it',
  async () => {
    using folder = temporaryFolder()
    const [logPath, cancel] = [join(folder.path, 'log'), new AbortController()]
    const line = 'setsid sleep 1000 & echo $! >&2; wait'
    const running = run(['sh', '-c', line], { env, logPath, signal: cancel.signal })
    const said = () => readFileSync(logPath, 'utf8')
    await until(() => said().endsWith('\n') && sessionOf(said().trim()) === said().trim())
    cancel.abort()
    await expect(running).rejects.toMatchObject({ code: 'kernel/cancelled' })
    await until(() => !existsSync(`/proc/${said().trim()}`))
  },
)
