/** What the real program says about itself and about wrong use. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { programVersion } from '#kernel/index.ts'
import { openProject, programArgv, root } from './harness.ts'

test('the version is that of package.json', async () => {
  using project = openProject()
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(programVersion).toBe(version)
  expect(await project.backlot('--version')).toEqual({
    exitCode: 0,
    stdout: `${version}\n`,
    stderr: '',
  })
})

test.each([
  ['help'],
  ['--help'],
  ['help image build'],
  ['run --help'],
  [''],
  ['lokc'],
  ['image'],
  ['image biuld x'],
  ['help lokc'],
  ['lock --lokced'],
  ['lock --locked --frozen'],
  ['lock surplus'],
  ['info'],
  ['list --format yaml'],
  ['gc --keep-days soon'],
  ['serve --port 70000'],
  ['image build x --label nothing'],
  ['completion tcsh'],
  ['--format json lock --lokced'],
  ['--format json image'],
  ['-C nowhere list'],
])('backlot %s', async (line) => {
  using project = openProject()
  const outcome = await project.backlot(...line.split(' ').filter(Boolean))
  expect(project.filtered(outcome)).toMatchSnapshot()
})

test.each([['--version'], ['help'], ['schema']])('%s to a full disk says so', (word) => {
  using project = openProject()
  const argv = ['sh', '-c', 'exec "$@" >/dev/full', 'sh', ...programArgv(), word]
  const { exitCode, stderr } = Bun.spawnSync(argv, { cwd: project.folder, env: { ...project.env } })
  expect(exitCode).toBe(1)
  expect(stderr.toString()).toMatch(/^error\[kernel\/no-space\]: No space left for the output\n/)
})

test('the words of an entrypoint: one after the other, or a JSON list', async () => {
  using project = openProject({ 'backlot.yaml': 'environment: {}\n' })
  const entryOf = async (...options: readonly string[]) => {
    const outcome = await project.backlot('image', 'build', 'oci:out', ...options)
    if (outcome.exitCode !== 0) return outcome
    const read = (path: string) => JSON.parse(readFileSync(join(project.folder, path), 'utf8'))
    const blob = (digest: string) => read(`out/blobs/${digest.replace(':', '/')}`)
    const { Entrypoint, Cmd } = blob(
      blob(read('out/index.json').manifests[0].digest).config.digest,
    ).config
    return [Entrypoint, Cmd]
  }
  expect(await entryOf('--entrypoint', 'sh', 'x', '--cmd', 'a b')).toEqual([['sh', 'x'], ['a b']])
  expect(await entryOf('--entrypoint', '["sh", "-c"]', '--cmd=["a\\nb"]')).toEqual([
    ['sh', '-c'],
    ['a\nb'],
  ])
  expect(await entryOf('--entrypoint=[]')).toEqual([[], null])
  for (const wrong of ['[', '[1]'])
    expect(await entryOf('--entrypoint', wrong)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('a JSON list of words'),
    })
})

test('wrong use is exit code 2, nothing on stdout, and fits a screen', async () => {
  using project = openProject()
  for (const line of ['lokc', 'lock -z', 'image', 'run', '-C', 'build -j 0']) {
    const outcome = await project.backlot(...line.split(' '))
    expect(outcome).toMatchObject({ exitCode: 2, stdout: '' })
    expect(outcome.stderr.split('\n').length).toBeLessThanOrEqual(24)
  }
})

test('a file is no folder to work in', async () => {
  using project = openProject({ 'backlot.yaml': 'environment: {}\n' })
  for (const [name = '', ...rest] of [['list'], ['run', '--', 'true']])
    expect(await project.backlot(name, '-C', 'backlot.yaml', ...rest)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("'backlot.yaml' is not a folder to work in"),
    })
})

test('an empty folder is not taken for this one', async () => {
  using project = openProject()
  for (const command of ['install', 'view', '-C', 'init --folder', 'serve --data']) {
    const { exitCode, stderr } = await project.backlot(...command.split(' '), '')
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining('must not be empty'),
    })
  }
})

test('schema prints a JSON Schema', async () => {
  using project = openProject()
  const { stdout, exitCode } = await project.backlot('schema')
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toHaveProperty('$schema')
})

test('a reader that goes away ends the program quietly', async () => {
  using project = openProject()
  const { env, folder } = project
  const line = `${process.execPath} ${join(root, 'src/main.ts')} schema | head -c 1 > /dev/null`
  const child = Bun.spawn(['bash', '-o', 'pipefail', '-c', line], {
    cwd: folder,
    env,
    stderr: 'pipe',
  })
  expect(await new Response(child.stderr).text()).toBe('')
  expect([0, 141]).toContain(await child.exited)
})
