/** `why` and `why-not`: in a project's environment, and in Rez repositories. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { openProject } from './harness.ts'
import { greek } from './projects.ts'

const packagePy = (name: string, version: string, requires: readonly string[] = []): string =>
  [`name = '${name}'`, `version = '${version}'`, `requires = ${JSON.stringify(requires)}`, ''].join(
    '\n',
  )

const studio: Readonly<Record<string, string>> = {
  'rez/python/3.11.9/package.py': packagePy('python', '3.11.9'),
  'rez/python/3.10.14/package.py': packagePy('python', '3.10.14'),
  'rez/maya/2025.1/package.py': packagePy('maya', '2025.1', ['python-3.11', 'usd']),
  'rez/maya/2024.2/package.py': packagePy('maya', '2024.2', ['python-3.10']),
  'rez/usd/24.8/package.py': packagePy('usd', '24.8', ['python']),
  'rez/houdini/20.5/package.py': packagePy('houdini', '20.5', ['python-3.11']),
}

test('why-not in a project: what is in the way, or would change; nothing is written', async () => {
  using project = openProject(greek)
  const lines = ["'alpha 2'", 'gamma', "'alpha 9'", 'alhpa', "'alpha >>2'", "'alpha 1.0'", 'beta']
  const told = []
  for (const line of lines) {
    const outcome = await project.backlot('why-not', line.replaceAll("'", ''))
    told.push(`$ why-not ${line}\n${project.filtered(outcome)}`)
  }
  expect(told.join('\n')).toMatchSnapshot()
  expect(existsSync(join(project.folder, 'backlot.lock'))).toBe(false)
})

test('why-not and why in Rez repositories', async () => {
  using project = openProject(studio)
  expect(
    await project.session(
      'why-not --rez rez maya-2024 houdini',
      'why-not --rez rez usd-24 maya-2024',
      'why-not --rez rez usd-25..',
      'why-not --rez rez usb',
      'why --rez rez python maya',
      'why --rez rez usd houdini',
      'solve --rez rez maya-2024 houdini',
    ),
  ).toMatchSnapshot()
})

test('packages that are there and cannot be had are told from those that are not', async () => {
  using project = openProject({
    ...studio,
    'rez/torn/1/package.py': "requires = ['python-3..']\n",
    'rez/tagged/1/package.yaml': 'requires: !!python/object/apply:os.system [touch x]\n',
    'rez/half/2/package.py': 'requires = [None]\n',
    'rez/half/1/package.py': packagePy('half', '1'),
    'rez/late/1/package.py': `${packagePy('late', '1')}timestamp = 1900000000\n`,
  })
  expect(
    await project.session(
      'solve --rez rez torn',
      'solve --rez rez tagged',
      'solve --rez rez half-2',
      'solve --rez rez late --before 2026-01-31',
      'solve --rez rez half --exclude half',
      'solve --rez rez !half',
      'solve --rez rez',
      'why --rez rez python maya-2024 houdini',
    ),
  ).toMatchSnapshot()
  const empty = await project.backlot('solve', '--rez', 'rez', ' ')
  expect(project.filtered(empty)).toMatchSnapshot()
})

test('--format json: causes, facts and fixes', async () => {
  using project = openProject(studio)
  const asked = ['why-not', '--rez', 'rez', 'maya-2024', 'houdini', '--format', 'json']
  const { exitCode, stdout } = await project.backlot(...asked)
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    kind: 'impossible',
    wanted: 'maya-2024',
    causes: [{ facts: expect.any(Array), sentences: expect.any(Array) }],
    fixes: [{ changes: [{ change: 'leave-out', requirement: 'houdini' }] }, {}, {}],
  })
})
