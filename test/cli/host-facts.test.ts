/** Facts about the machine, replaced by BACKLOT_OVERRIDE_*, as the real program takes them. */
import { expect, test } from 'bun:test'
import { openProject } from './harness.ts'

const project = {
  'backlot.yaml': 'environment:\n  packages: [imath, "__glibc >=2.28", "__cuda >=12"]\n',
}

test.each([
  ['both are there', { GLIBC: '2.34', CUDA: '12.4' }, 0, '"host": [{"name":"__cuda"'],
  ['too old', { GLIBC: '2.17', CUDA: '12.4' }, 1, '__glibc 2.17'],
  ['not there', { GLIBC: '2.34', CUDA: '' }, 1, 'no __cuda'],
  ['no version', { GLIBC: '2.34', CUDA: 'new!' }, 2, "BACKLOT_OVERRIDE_CUDA is 'new!'"],
] as const)('lock: %s', async (_name, facts, exitCode, says) => {
  const variables = Object.entries(facts).map(([name, value]) => [
    `BACKLOT_OVERRIDE_${name}`,
    value,
  ])
  using folder = openProject(project, Object.fromEntries(variables))

  const outcome = await folder.backlot('lock')

  expect(outcome.exitCode).toBe(exitCode)
  const lock = Bun.file(`${folder.folder}/backlot.lock`)
  const text = (await lock.exists()) ? await lock.text() : outcome.stderr
  expect(text).toContain(says)
})
