/** The commands that describe an environment and look at it, as a person sees them. */
import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openProject } from './harness.ts'
import { greek } from './projects.ts'

test('init, twice', async () => {
  using project = openProject()
  expect(
    await project.session(
      'init -p CY2023',
      'init',
      'init --folder other zlib',
      'init -p CY1999 --folder new',
    ),
  ).toMatchSnapshot()
})

test('lock, and look at it', async () => {
  using project = openProject(greek)
  const lines = ['lock', 'lock', 'list', 'tree', 'why alpha', 'why gamma', 'info alpha']
  expect(await project.session(...lines)).toMatchSnapshot()
})

test('add and remove', async () => {
  using project = openProject(greek)
  expect(
    await project.session('add alpha', 'add alhpa', 'remove beta', 'remove beta', 'list'),
  ).toMatchSnapshot()
  expect(readFileSync(join(project.folder, 'backlot.yaml'), 'utf8')).toMatchSnapshot()
})

test('--locked takes a fresh lockfile, in whatever order variables are written', async () => {
  using project = openProject({
    ...greek,
    'backlot.yaml':
      'environment: {packages: [beta], variables: {B: "1", A: "2"}}\nrecipes: [recipes]\n',
  })
  expect(await project.backlot('lock')).toMatchObject({ exitCode: 0 })
  expect(await project.backlot('lock', '--locked')).toMatchObject({ exitCode: 0 })
})

test('edits and locks at once: none is lost', async () => {
  const environments = ['a', 'b', 'c', 'd']
  using project = openProject({
    ...greek,
    'backlot.yaml': 'environment: {packages: []}\nrecipes: [recipes]\n',
  })
  const edits = environments.map((name) => ['add', '-e', name, 'alpha'])
  const outcomes = await Promise.all(edits.map((line) => project.backlot(...line)))
  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0])
  const locks = environments.map((name) => ['lock', '-e', name, '--locked'])
  const locked = await Promise.all(locks.map((line) => project.backlot(...line)))
  expect(locked.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0])
  rmSync(join(project.folder, 'backlot.lock'))
  await Promise.all(environments.map((name) => project.backlot('lock', '-e', name)))
  const text = readFileSync(join(project.folder, 'backlot.lock'), 'utf8')
  expect(Object.keys(JSON.parse(text).environments)).toEqual(environments)
})

test('packages that cannot be updated because they are not there', async () => {
  using project = openProject(greek)
  expect(
    await project.session('lock', 'lock --update aplha', 'lock --update alpha'),
  ).toMatchSnapshot()
})

test('a request without an answer is exit code 1, and changes nothing', async () => {
  using project = openProject(greek)
  await project.backlot('lock')
  const before = readFileSync(join(project.folder, 'backlot.lock'), 'utf8')
  expect(await project.session('add gamma', 'lock --locked')).toMatchSnapshot()
  expect(readFileSync(join(project.folder, 'backlot.lock'), 'utf8')).toBe(before)
  expect(readFileSync(join(project.folder, 'backlot.yaml'), 'utf8')).toBe(
    greek['backlot.yaml'] ?? '',
  )
})

test('--locked and --frozen', async () => {
  using project = openProject(greek)
  const first = await project.session('lock --locked', 'lock --frozen')
  expect(existsSync(join(project.folder, 'backlot.lock'))).toBe(false)
  await project.backlot('lock')
  project.write('backlot.yaml', greek['backlot.yaml']?.replace('beta', 'alpha') ?? '')
  const later = await project.session('list --locked', 'list --frozen', 'lock', 'list --locked')
  expect(`${first}\n${later}`).toMatchSnapshot()
})

test('diff of two lockfiles', async () => {
  using project = openProject(greek)
  await project.backlot('lock')
  project.write('before.lock', readFileSync(join(project.folder, 'backlot.lock'), 'utf8'))
  project.write('backlot.yaml', greek['backlot.yaml']?.replace('beta', 'alpha') ?? '')
  await project.backlot('lock')
  const lines = ['diff before.lock', 'diff before.lock before.lock', 'diff missing.lock']
  expect(await project.session(...lines)).toMatchSnapshot()
})

test.each([
  ['an unknown key', 'environment:\n  pakages: [alpha]\n'],
  ['a range that is none', 'environment:\n  packages: ["alpha >>1"]\n'],
  ['YAML that is none', 'environment: [\n'],
  ['an unknown platform', 'environment:\n  platform: CY2032\n'],
])('a backlot.yaml with %s: where, what, and a guess', async (_what, text) => {
  using project = openProject({ 'backlot.yaml': text })
  expect(await project.session('lock')).toMatchSnapshot()
})

test('no project, no environment', async () => {
  using empty = openProject()
  using project = openProject(greek)
  expect(await empty.session('lock')).toMatchSnapshot()
  expect(await project.session('lock -e defalt', 'list -C recipes')).toMatchSnapshot()
})

test('--format json: one document, errors as documents on stderr', async () => {
  using project = openProject(greek)
  for (const line of ['lock', 'list', 'tree', 'why alpha', 'info alpha', 'doctor']) {
    const { stdout, stderr } = await project.backlot('--format', 'json', ...line.split(' '))
    expect(stderr).toBe('')
    expect(typeof JSON.parse(stdout)).toBe('object')
  }
  const { exitCode, stdout, stderr } = await project.backlot('info', 'nothing', '--format', 'json')
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(JSON.parse(stderr)).toMatchObject({ error: { hints: expect.any(Array) } })
})

test('diff takes a project’s folder for its lockfile', async () => {
  using project = openProject(greek)
  await project.backlot('lock')
  project.write('earlier/backlot.lock', readFileSync(join(project.folder, 'backlot.lock'), 'utf8'))
  const same = await project.backlot('diff', 'earlier', '.')
  expect(same).toEqual({ exitCode: 0, stdout: 'earlier → .: the same packages\n', stderr: '' })
  const none = await project.backlot('diff', '..')
  expect(none.stderr).toMatch(/^error\[cli\/not-locked\]: There is no lockfile .*\/backlot\.lock\n/)
})

test('info of a package with a range names the package', async () => {
  using project = openProject(greek)
  for (const asked of ['alpha 1', 'alpha@1', 'Alpha', 'alhpa']) {
    const { exitCode, stderr } = await project.backlot('info', asked)
    expect(exitCode).toBe(1)
    expect(stderr).toContain("Did you mean 'alpha'?")
  }
})

test('nothing is brought to its newest version where the lockfile must stay', async () => {
  using project = openProject(greek)
  await project.backlot('lock')
  for (const mode of ['--locked', '--frozen']) {
    const { exitCode, stderr } = await project.backlot('lock', mode, '--update', 'alpha')
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('cannot be used with option'),
    })
  }
})

test.each([
  ['http://127.0.0.1:1/vfx', 2, "'http://127.0.0.1:1/vfx' is not a registry to publish to"],
  ['127.0.0.1:1/vfx:tag', 2, "'127.0.0.1:1/vfx:tag' is not a registry to publish to"],
  ['', 2, "'' is not a registry to publish to"],
  ['127.0.0.1:1/vfx alhpa', 1, "Did you mean 'alpha'?"],
  ['127.0.0.1:1/vfx', 1, 'is not built yet'],
])('publish --to %s is refused as it was typed', async (words, exitCode, says) => {
  using project = openProject(greek)
  const outcome = await project.backlot('publish', '--to', ...words.split(' '))
  expect(outcome).toMatchObject({ exitCode, stdout: '', stderr: expect.stringContaining(says) })
})

test('clean takes what a killed build left, and leaves the files of its lock alone', async () => {
  using project = openProject()
  const builds = join(project.home, 'builds')
  for (const path of ['a-1-abc/src/a.c', 'a-1-abc.lock', 'a-1-abc.lock-journal'])
    project.write(`../home/builds/${path}`, '')
  expect(await project.backlot('clean', '--dry-run')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await project.backlot('clean')).toMatchObject({ exitCode: 0, stderr: '' })
  const left = readdirSync(builds).sort()
  expect(left.filter((name) => !name.startsWith('a-1-abc.lock'))).toEqual([])
  expect(left).not.toContain('a-1-abc.lock-journal.lock')
})

test('add to an environment that there was not says so', async () => {
  using project = openProject(greek)
  const added = async (...words: readonly string[]) =>
    (await project.backlot('add', ...words)).stdout
  expect(await added('-e', 'gpu', 'alpha')).toContain('backlot.yaml, as the new environment gpu\n')
  expect(await added('-e', 'gpu', 'beta')).not.toContain('new environment')
  expect(await added('alpha')).not.toContain('new environment')
})
