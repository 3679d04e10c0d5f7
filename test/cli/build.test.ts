/** From recipes to a process, an image and a registry with the real program; no compiler needed. */
import { expect, test } from 'bun:test'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { outside } from '../outside.ts'
import { until } from '../until.ts'
import { ended, openProject, programArgv, type Project, firstDocument } from './harness.ts'
import { greek, recipe } from './projects.ts'

const sandboxed = outside(['namespaces'])

/** Whether a process with this text in its command line is there. */
function isRunning(text: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)
      } catch {
        return false // It ended meanwhile.
      }
    })
}

/** Without the counts of what the store is made of. */
function uncounted(text: string): string {
  return text.replaceAll(/\b\d+ (blob|file|view)s?\b/g, 'N $1s')
}

function blocking(project: Project, marker: string): void {
  const text = recipe('alpha', ['1.1'], { script: `exec tail -f /dev/null -n ${marker}` })
  project.write('recipes/alpha/backlot.yaml', text)
}

sandboxed('build, run, and nothing to do the second time', async () => {
  using project = openProject(greek)
  const said = await project.session(
    'run alpha early',
    'build -q',
    'build',
    'list',
    'run alpha one --two',
    'run -- beta',
    'run no-such-program',
    'lock --locked',
  )
  expect(said).toMatchSnapshot()
  expect(readdirSync(join(project.home, 'runs'))).toHaveLength(1)
  // From the record now; the same words.
  expect(await project.session('run alpha one --two')).toContain('alpha says one --two')
})

sandboxed('view, install, and install again', async () => {
  using project = openProject(greek)
  await project.backlot('build', '-q')
  const said = await project.session(
    'view linked',
    'view linked',
    'view --copy copied',
    'install prefix',
    'install prefix',
  )
  expect(said).toMatchSnapshot()
  for (const folder of ['linked', 'copied', 'prefix'])
    expect(existsSync(join(project.folder, folder, 'bin/beta'))).toBe(true)
})

sandboxed('what clean removes can be made again', async () => {
  using project = openProject(greek)
  await project.backlot('build', '-q')
  const said = await project.session('clean --dry-run', 'clean', 'run alpha')
  expect(said).toMatchSnapshot()
})

sandboxed(
  'the store: sound, corrupt, repaired, and what nothing reaches is collected',
  async () => {
    using project = openProject(greek)
    await project.backlot('build', '-q')
    const sound = await project.session('store verify', 'gc --keep-days 0')
    const blobs = join(project.home, 'blobs/sha256')
    const [largest = ''] = readdirSync(blobs).sort(
      (a, b) => statSync(join(blobs, b)).size - statSync(join(blobs, a)).size,
    )
    chmodSync(join(blobs, largest), 0o644)
    appendFileSync(join(blobs, largest), 'x')
    const mended = await project.session('store verify', 'store verify --repair', 'store verify')
    rmSync(join(project.folder, 'backlot.lock'))
    const collected = await project.session('gc --keep-days 0 --dry-run', 'gc --keep-days 0')
    expect(uncounted([sound, mended, collected].join('\n'))).toMatchSnapshot()
    expect(collected).toContain('; 0 blobs kept')
  },
)

sandboxed('a build that fails: its last lines, its log, and the way in', async () => {
  using project = openProject(greek)
  const script = 'echo configuring; echo the reason is X >&2; exit 3'
  project.write('recipes/alpha/backlot.yaml', recipe('alpha', ['1.1'], { script }))
  const outcome = await project.backlot('build')

  expect(outcome).toMatchObject({ exitCode: 1, stdout: '' })
  expect(outcome.stderr).toContain('the reason is X')
  expect(outcome.stderr).toMatch(/backlot debug \S+/)
  const log = /\S+\.log/.exec(outcome.stderr)?.[0] ?? ''
  expect(readFileSync(log, 'utf8')).toContain('configuring\nthe reason is X\n')
})

sandboxed('publish, build an image, copy it: to a registry that we serve', async () => {
  using project = openProject(greek)
  await project.backlot('build', '-q')
  const server = project.start('serve', '--port', '0', '--format', 'json')
  try {
    const { url } = JSON.parse(await firstDocument(server))
    const registry = new URL(url).host
    const said = await project.session(
      `publish --to ${registry}/greek`,
      `publish --to ${registry}/greek`,
      `image build ${registry}/greek/env:1`,
      `image build oci:folder:1`,
      `copy ${registry}/greek/env:1 oci:copied:1`,
      `catalog rebuild ${registry}/greek/alpha`,
      `catalog rebuild ${registry}/greek/alhpa`,
    )
    expect(said.replaceAll(registry, '[registry]')).toMatchSnapshot()
  } finally {
    server.kill('SIGINT')
  }
  expect(await server.exited).toBe(0)
})

sandboxed('a registry that has the builds makes an image of them: no layer moves', async () => {
  using project = openProject(greek)
  using other = openProject(greek)
  await project.backlot('build', '-q')
  const server = project.start('serve', '--port', '0', '--format', 'json')
  try {
    const { url } = JSON.parse(await firstDocument(server))
    const registry = `${new URL(url).host}/greek`
    await project.backlot('publish', '-q', '--to', registry)
    const settings = `registry: ${registry}\nenvironment: {packages: [beta], variables: {A: "\${prefix}/a"}}\n`
    for (const at of [project, other]) at.write('backlot.yaml', `${settings}recipes: [recipes]\n`)
    await project.backlot('lock')
    other.write('backlot.lock', readFileSync(join(project.folder, 'backlot.lock'), 'utf8'))
    const build = async (at: Project, to: string) =>
      JSON.parse((await at.backlot('image', 'build', to, '--format', 'json')).stdout)
    const there = await build(other, `${registry}/image:1`)
    expect(there).toMatchObject({ layers: 2, sentPayloadBytes: 0 })
    expect(existsSync(join(other.home, 'blobs'))).toBe(false)
    const here = await build(project, 'oci:folder:1')
    expect(here.digest).toBe(there.digest)
    const blob = (digest: string) =>
      JSON.parse(
        readFileSync(join(project.folder, 'folder/blobs', digest.replace(':', '/')), 'utf8'),
      )
    const config = blob(blob(here.digest).config.digest)
    expect(config.config.Env).toContain('A=/usr/local/a')
  } finally {
    server.kill('SIGINT')
  }
  await server.exited
})

sandboxed('an environment without files can be entered and put somewhere', async () => {
  using project = openProject({ 'backlot.yaml': 'environment: {packages: []}\n' })
  for (const line of ['run true', 'run --launch path true', 'view seen', 'install put'])
    expect(await project.backlot(...line.split(' '))).toMatchObject({ exitCode: 0 })
  // The way that is fast for what was entered before does not look above a folder that is none.
  expect(await project.backlot('run', '-C', 'nowhere', 'true')).toMatchObject({ exitCode: 2 })
})

sandboxed(
  'Ctrl-C during a build: exit 130, no process left, and it can be built after',
  async () => {
    using project = openProject(greek)
    const marker = String(process.pid * 1000 + 1)
    blocking(project, marker)
    const child = project.start('build')
    const outcome = ended(child)
    await until(() => isRunning(`-n\0${marker}`))

    child.kill('SIGINT')

    expect(await outcome).toMatchObject({ exitCode: 130, stdout: '' })
    expect(isRunning(`-n\0${marker}`)).toBe(false)
    project.write('recipes/alpha/backlot.yaml', recipe('alpha', ['1.1']))
    expect(await project.backlot('build', '-q')).toMatchObject({ exitCode: 0 })
  },
)

sandboxed('SIGTERM during a build: exit 143', async () => {
  using project = openProject(greek)
  const marker = String(process.pid * 1000 + 2)
  blocking(project, marker)
  const child = project.start('build')
  const outcome = ended(child)
  await until(() => isRunning(`-n\0${marker}`))
  child.kill('SIGTERM')
  expect(await outcome).toMatchObject({ exitCode: 143 })
  await until(() => !isRunning(`-n\0${marker}`)) // The kernel may need a moment to end the box.
})

sandboxed('a second Ctrl-C ends at once, and the sandbox ends with it', async () => {
  using project = openProject(greek)
  const marker = String(process.pid * 1000 + 3)
  blocking(project, marker)
  const child = project.start('build')
  const outcome = ended(child)
  await until(() => isRunning(`-n\0${marker}`))
  child.kill('SIGINT')
  child.kill('SIGINT')
  expect(await outcome).toMatchObject({ exitCode: 130 })
  await until(() => !isRunning(`-n\0${marker}`))
})

outside(['namespaces', 'script'])(
  'on a terminal the cursor is hidden, and given back',
  async () => {
    using project = openProject(greek)
    const line = [...programArgv(), 'build'].join(' ')
    const child = Bun.spawn(['script', '--quiet', '--return', '--command', line, '/dev/null'], {
      cwd: project.folder,
      env: { ...project.env, TERM: 'xterm' },
      stdin: 'ignore',
      stdout: 'pipe',
    })
    const text = await new Response(child.stdout).text()

    expect(await child.exited).toBe(0)
    expect(text.split('\u001b[?25l')).toHaveLength(2)
    expect(text.split('\u001b[?25h')).toHaveLength(2)
    expect(text.slice(text.indexOf('\u001b[?25h'))).toMatch(/built.*alpha.*1\.1[^]*2 built/)
  },
)

sandboxed('Ctrl-C reaches the program of `run`, whose exit code counts', async () => {
  using project = openProject(greek)
  await project.backlot('build', '-q')
  const trap = 'trap "echo caught; exit 9" INT; echo ready; while :; do :; done'
  const child = project.start('run', 'sh', '-c', trap)
  const lines: string[] = []
  const decoder = new TextDecoder()
  for await (const chunk of child.stdout) {
    lines.push(...decoder.decode(chunk).split('\n').filter(Boolean))
    if (lines.length === 1) child.kill('SIGINT')
  }
  expect(lines).toEqual(['ready', 'caught'])
  expect(await child.exited).toBe(9)
})

test('the shell of an environment is a login into it', async () => {
  using project = openProject(greek)
  const outcome = await project.backlot('shell', '--shell', 'tcsh')
  expect(outcome.exitCode).toBe(2)
  expect(outcome.stderr).toContain('/unknown-shell]')
})
