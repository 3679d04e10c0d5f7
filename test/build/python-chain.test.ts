/**
 * A Python module in C++ (scikit-build-core, pybind11) over Imath, from the sources of everything
 * that its build needs, by the recipes that come with Backlot.
 *
 * The store is kept in `.backlot/test`, so that only the first run builds the backends.
 */
import { expect, setDefaultTimeout } from 'bun:test'
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runOrThrow, temporaryFolder } from '#kernel/index.ts'
import { openProject, type Project, root } from '../cli/harness.ts'
import { lockedBuild, succeeds } from '../faults/place.ts'
import { outside } from '../outside.ts'
import { path } from './harness.ts'

setDefaultTimeout(600_000)
const test = outside(['g++', 'cmake', 'ninja', 'python3', 'pkg-config', 'readelf', 'namespaces'])

const yaml = `recipes: recipes
mirrors: [deb-src]
environment:
  packages: [arrow]
`

/** The fixture in a project of its own, over a store; pip is set up as it is for the tests. */
function arrowProject(home: string): Project {
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith('PIP_'))
  const passed = Object.fromEntries(settings.map(([name, value = '']) => [name, value]))
  const project = openProject({ 'backlot.yaml': yaml }, { ...passed, BACKLOT_HOME: home })
  const recipe = join(project.folder, 'recipes/arrow')
  cpSync(join(root, 'test/fixtures/arrow'), recipe, { recursive: true })
  return project
}

const use = `import arrow, base64, hashlib, importlib.metadata
for file in importlib.metadata.files("arrow"):
    if file.hash:
        digest = hashlib.sha256(file.read_binary()).digest()
        assert file.hash.value == base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), file
print(arrow.length(2, 3, 6), arrow.half_bits(1), arrow.half_table(), arrow._arrow.__file__)`

test('a module of scikit-build-core and pybind11 over Imath, the same in two places', async () => {
  const store = join(root, '.backlot/test/store')
  mkdirSync(store, { recursive: true })
  using first = arrowProject(store)
  await succeeds(first, 'build')

  const { stdout } = await succeeds(first, 'run', '--', 'python3', '-c', use)
  const [, module = ''] = /^7\.0 15360 True (\/usr\/local\/lib\/\S+\.so)\n$/.exec(stdout) ?? []
  const { stdout: dynamic } = await succeeds(first, 'run', '--', 'readelf', '-d', module)
  expect(dynamic).toMatch(/NEEDED.*\[libImath-/)
  expect(dynamic).toContain('[$ORIGIN/../../..]')

  // Only the module is made again: what it needs is there already.
  using elsewhere = temporaryFolder()
  const copy = join(elsewhere.path, 'some/other/place')
  await runOrThrow(['mkdir', '-p', join(copy, '..')], { env: { PATH: path } })
  await runOrThrow(['cp', '-a', store, copy], { env: { PATH: path } })
  using second = arrowProject(copy)
  expect((await succeeds(second, 'build', '--force', 'arrow')).stdout).toContain('built   arrow')
  expect(lockedBuild(second, 'arrow').layer).toBe(lockedBuild(first, 'arrow').layer)
})
