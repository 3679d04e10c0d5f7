/** Rez repositories on disk: every way to write a package, hostile ones too. */
import { describe, expect, test } from 'bun:test'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { App } from '#app/index.ts'
import { temporaryFolder } from '#kernel/index.ts'
import { outside } from '../outside.ts'
import { rezAppIn } from './rez-app.ts'

interface Studio extends Disposable {
  readonly repository: string
  readonly app: App
  write(path: string, text: string): void
  /** `name-version[variant]` of an answer, or the reason of a failure. */
  solve(...request: string[]): Promise<readonly string[] | string>
}

/** A repository with these files, below it a second one at `second/`. */
function studio(files: Readonly<Record<string, string>>): Studio {
  const folder = temporaryFolder()
  const repository = join(folder.path, 'packages')
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(repository, path)), { recursive: true })
    writeFileSync(join(repository, path), text)
  }
  mkdirSync(repository)
  for (const [path, text] of Object.entries(files)) write(path, text)
  const app = rezAppIn(folder.path)
  return {
    repository,
    app,
    write,
    solve: async (...request) => {
      const result = await app.solveRez({ repositories: [repository], request })
      if (result.kind === 'failed') return result.reason
      return result.packages.map(
        ({ name, version, variant }) => `${name}-${version}[${variant ?? ''}]`,
      )
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

describe('ways to write a package', () => {
  test('folders, families without versions, combined files, YAML', async () => {
    using at = studio({
      'maya/2024/package.py': "requires = ['python-3.10', 'arch', 'tool-2']\n",
      'python/3.10.8/package.yaml': 'name: python\nversion: 3.10\n',
      'arch/package.py': "name = 'arch'\n",
      'tool.py':
        "versions = ['1', '2.0', '2.1']\nversion_overrides = {'2.1': {'requires': ['gone']}}\n",
      'other.yaml': 'versions: [1.10]\nrequires: [tool-1]\n',
      'settings.yaml': 'x: 1\n',
      'bad name/1/package.py': '',
    })
    expect(await at.solve('maya')).toBe('missing-family')
    expect(await at.solve('maya', 'tool<2.1')).toEqual([
      'tool-2.0[]',
      'arch-[]',
      'python-3.10.8[]',
      'maya-2024[]',
    ])
    expect(await at.solve('other')).toEqual(['tool-1[]', 'other-1.10[]'])
  })

  test('wildcards become the versions that are there', async () => {
    using at = studio({
      'boost/1.55.3/package.py': '',
      'boost/1.60/package.py': '',
      'boost/2.0/package.py': '',
      'tool/1/package.py':
        "requires = ['boost-1.*']\nvariants = [['boost-1.55.*'], ['boost<**']]\n",
      'tool/2/package.py': "requires = ['boost-1.*.0']\n",
    })
    const options = { repositories: [at.repository], request: ['tool'] }
    expect(await at.app.solveRez(options)).toMatchObject({
      packages: [{ name: 'boost', version: '1.60' }, { requires: ['boost-1.60', 'boost<2.0'] }],
      problems: [{ path: 'tool/2/package.py' }],
    })
  })

  test('hidden and half-built versions are left out', async () => {
    using at = studio({
      'maya/2024/package.py': '',
      'maya/2025/package.py': '',
      'maya/.ignore2025': '',
      'maya/2026/build.log': '',
      'maya/.building2026': '',
    })
    expect(await at.solve('maya')).toEqual(['maya-2024[]'])
  })

  test('the first repository has a version alone', async () => {
    using at = studio({
      'first/maya/2024/package.py': "requires = ['python-3']\n",
      'second/maya/2024/package.py': '',
      'second/maya/2023/package.py': '',
      'second/python/3/package.py': '',
    })
    const [first, second] = ['first', 'second'].map((name) => join(at.repository, name))
    const result = await at.app.solveRez({
      repositories: [first ?? '', second ?? ''],
      request: ['maya'],
    })
    expect(result).toMatchObject({
      packages: [
        { name: 'python', repository: second },
        { name: 'maya', version: '2024', repository: first },
      ],
    })
  })

  test('packages released later are not looked at', async () => {
    using at = studio({
      'maya/1/package.py': 'timestamp = 100\n',
      'maya/2/package.py': 'timestamp = 200\n',
    })
    const options = { repositories: [at.repository], request: ['maya'], before: 150 }
    expect(await at.app.solveRez(options)).toMatchObject({ packages: [{ version: '1' }] })
  })
})

describe('changes are noticed', () => {
  test('a new family, a new version, a version that goes', async () => {
    using at = studio({ 'maya/2024/package.py': '' })
    expect(await at.solve('maya')).toEqual(['maya-2024[]'])
    at.write('maya/2025/package.py', "requires = ['python']\n")
    at.write('python/3/package.py', '')
    expect(await at.solve('maya')).toEqual(['python-3[]', 'maya-2025[]'])
    rmSync(join(at.repository, 'maya/2025'), { recursive: true })
    expect(await at.solve('maya')).toEqual(['maya-2024[]'])
  })

  test('a definition of the answer that was edited in place', async () => {
    using at = studio({ 'maya/2024/package.py': '', 'python/3/package.py': '' })
    expect(await at.solve('maya')).toEqual(['maya-2024[]'])
    at.write('maya/2024/package.py', "requires = ['python-3']\n")
    expect(await at.solve('maya')).toEqual(['python-3[]', 'maya-2024[]'])
  })

  test('any definition, with refresh', async () => {
    using at = studio({ 'maya/1/package.py': '', 'maya/2/package.py': "requires = ['!maya-2']\n" })
    expect(await at.solve('maya')).toEqual(['maya-1[]'])
    at.write('maya/2/package.py', '')
    const options = { repositories: [at.repository], request: ['maya'], refresh: true }
    expect(await at.app.solveRez(options)).toMatchObject({ packages: [{ version: '2' }] })
  })

  test('a damaged catalog is made anew', async () => {
    using at = studio({ 'maya/2024/package.py': '' })
    await at.solve('maya')
    const home = join(at.repository, '../home')
    const [name = ''] = new Bun.Glob('rez/*.catalog').scanSync(home)
    const bytes = await Bun.file(join(home, name)).bytes()
    for (let word = 20; word < bytes.length; word += 1) bytes[word] = 255
    writeFileSync(join(home, 'damaged'), bytes)
    renameSync(join(home, 'damaged'), join(home, name))
    expect(await at.solve('maya')).toEqual(['maya-2024[]'])
  })
})

describe('what cannot be read is told and does not disturb', () => {
  test('by path and reason', async () => {
    using at = studio({
      'maya/1/package.py': '',
      'maya/2/package.py': "requires = 'python'\n",
      'maya/3/package.py': "requires = ['python-3-']\n",
      'maya/4!/package.py': '',
      'maya/5/package.yaml': '[',
    })
    const result = await at.app.solveRez({ repositories: [at.repository], request: ['maya'] })
    expect(result).toMatchObject({ packages: [{ version: '1' }] })
    expect(result.problems.map(({ path }) => path).sort()).toEqual([
      'maya/2/package.py',
      'maya/3/package.py',
      'maya/4!/package.py',
      'maya/5/package.yaml',
    ])
  })

  outside(['mkfifo'])('pipes, links in a circle, endless files, folders', async () => {
    using at = studio({ 'maya/1/package.py': '', 'maya/2/package.py/x': '' })
    for (const version of ['3', '4', '5']) mkdirSync(join(at.repository, 'maya', version))
    Bun.spawnSync(['mkfifo', join(at.repository, 'maya/3/package.py')])
    symlinkSync('package.py', join(at.repository, 'maya/4/package.py'))
    symlinkSync('/dev/zero', join(at.repository, 'maya/5/package.py'))
    symlinkSync('loop', join(at.repository, 'loop'))
    at.write('maya/6/package.py', `#${' '.repeat(5 * 1024 ** 2)}`)
    const result = await at.app.solveRez({ repositories: [at.repository], request: ['maya'] })
    expect(result).toMatchObject({ packages: [{ version: '1' }] })
    expect(result.problems.map(({ path }) => path)).toEqual(
      ['2', '3', '4', '5', '6'].map((version) => `maya/${version}/package.py`),
    )
  })

  test('a repository that is not there', async () => {
    using at = studio({})
    const missing = at.app.solveRez({ repositories: ['nowhere'], request: ['maya'] })
    await expect(missing).rejects.toMatchObject({ code: 'interop/no-repository' })
  })
})

describe('definitions that need Python', () => {
  const python = outside(['bwrap', 'python3', 'namespaces'])

  python('early, late, include, scope, imports of Rez, conditions', async () => {
    using at = studio({
      'python/3.11/package.py': 'import os\nversion = "3.11"\n',
      'lib/1/package.py': '',
      'tool/1/package.py': `
from rez.utils.lint_helper import env, building, used
from rez.package_py_utils import expand_requires
import sys

with scope('config') as c:
    c.release_packages_path = '/x'

@early()
def requires():
    return expand_requires('python-3') if not building else ['gone']

@late()
def variants():
    if in_context():
        return [['gone']]
    return [['lib-%d' % n] for n in range(2)]

@include('helpers')
def commands():
    env.PATH.append('{root}/bin')

if sys.version_info[0] == 2:
    requires = ['gone']
`,
    })
    expect(await at.solve('tool')).toEqual(['lib-1[]', 'python-3.11[]', 'tool-1[1]'])
  })

  python('hostile ones are contained, blamed, and the others are read', async () => {
    const secret = join(dirname(import.meta.path), 'rez-repository.test.ts')
    using at = studio({
      'good/1/package.py': 'requires = [str("other")]\n',
      'other/1/package.py': 'import os\n',
      'bad/1/package.py': `requires = [open(${JSON.stringify(secret)}).read()]\n`,
      'bad/2/package.py': "import os\nopen(os.path.dirname(__file__) + '/own', 'w')\n",
      'bad/3/package.py': "import socket\nsocket.create_connection(('127.0.0.1', 1), 1)\n",
      'bad/4/package.py':
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nx = [n for n in 'a']\nwhile True: pass\n",
      'bad/5/package.py': 'x = [0] * 10 ** 12\n',
      'bad/6/package.py': "import os\nos.write(1, b'x' * 100)\nos._exit(0)\n",
      'bad/7/package.py': "requires = ['x' * 10 ** 8]; y = 1\n",
      'bad/8/package.py': 'raise SystemExit(0)\n',
      'bad/9/package.py': 'def f(: pass\n',
    })
    const report = await at.app.importRez({ path: at.repository, afresh: true })
    expect(await at.solve('good')).toEqual(['other-1[]', 'good-1[]'])
    expect(report.problems.map(({ path }) => path)).toEqual(
      Array.from({ length: 9 }, (_, index) => `bad/${index + 1}/package.py`),
    )
  })
})
