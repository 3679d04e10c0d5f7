import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { runDoctor } from './doctor.ts'

test('a program that builds do not see is missing for them', async () => {
  using folder = temporaryFolder()
  const program = '#!/bin/sh\necho version 9.9.9\n'
  for (const name of ['cmake', 'git'])
    writeFileSync(join(folder.path, name), program, { mode: 0o755 })
  const env = { PATH: `${folder.path}:/usr/bin:/bin` }
  const options = {
    env,
    home: folder.path,
    distribution: { id: 'debian', family: 'debian', name: 'a test' } as const,
  }

  const checks = await runDoctor({ ...options, buildPath: '/nowhere' })
  const all = await runDoctor(options)

  const of = (name: string, from = checks) => from.find((check) => check.name === name)
  const cmake = join(folder.path, 'cmake')
  expect(of('cmake')).toMatchObject({
    state: 'missing',
    found: `only ${cmake}, which builds do not see`,
    hint: expect.stringMatching(/cmake/),
  })
  expect(of('cmake', all)).toMatchObject({ state: 'ok', found: `9.9.9 (${cmake})` })
  expect(of('git')).toMatchObject({ state: 'ok', found: `9.9.9 (${join(folder.path, 'git')})` })
})
