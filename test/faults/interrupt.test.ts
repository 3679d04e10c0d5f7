/** Ctrl-C: exit 130, no process left, no half file, and the same line works after it. */
import { afterAll, expect } from 'bun:test'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ended, type Project, programArgv, type Running } from '../cli/harness.ts'
import { recipe } from '../cli/projects.ts'
import { outside } from '../outside.ts'
import { until } from '../until.ts'
import { leavesNothing, nothingRuns, processesOf } from './crash.ts'
import { builtPlace, chainPlace, removeTemplate, succeeds } from './place.ts'
import { faultyProxy, serveRegistry } from './registry.ts'

afterAll(removeTemplate)

const compiled = outside(['namespaces', 'g++', 'cmake', 'make'])

/** Sends SIGINT and checks the end of it. */
async function interrupted(place: Project, child: Running): Promise<string> {
  const outcome = ended(child)
  child.kill('SIGINT')
  const { exitCode, stdout, stderr } = await outcome
  expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' })
  await nothingRuns(place)
  return stderr
}

compiled('in the middle of a step', async () => {
  using place = chainPlace()
  const path = join(place.folder, 'recipes/libtwo/backlot.yaml')
  const whole = await Bun.file(path).text()
  writeFileSync(
    path,
    recipe('libtwo', ['2.0.0'], { requires: ['libone >=1'], script: 'sleep 600' }),
  )
  const child = place.start('build')
  const log = join(place.home, 'logs')
  await until(() => existsSync(log) && readdirSync(log).some((name) => name.startsWith('libtwo')))
  await until(() => processesOf(place).length > 1)
  expect(await interrupted(place, child)).toContain('ancelled')
  writeFileSync(path, whole)
  await succeeds(place, 'build')
  await leavesNothing(place)
})

compiled('while the registry does not answer: publish, lock, build, image, copy', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  await using proxy = await faultyProxy(registry.host)
  const to = `${proxy.host}/vfx`
  const text = await Bun.file(join(place.folder, 'backlot.yaml')).text()
  const lock = await Bun.file(join(place.folder, 'backlot.lock')).text()
  writeFileSync(join(place.folder, 'backlot.yaml'), `${text}registry: ${to}\n`)
  proxy.rule = () => ({ kind: 'silence' })
  const lines = [
    `publish --to ${to}`,
    'lock --update',
    `image build ${to}/env:1`,
    `copy ${to}/env:1 oci:copied:1`,
  ]
  for (const line of lines) {
    const before = proxy.asked.length
    const child = place.start(...line.split(' '))
    await until(() => proxy.asked.length > before)
    const outcome = ended(child)
    child.kill('SIGINT')
    expect({ line, exitCode: (await outcome).exitCode }).toEqual({ line, exitCode: 130 })
  }
  expect(await Bun.file(join(place.folder, 'backlot.lock')).text()).toBe(lock)
  expect(readdirSync(place.folder).toSorted()).toEqual(
    ['backlot.lock', 'backlot.yaml', 'recipes']
      .concat(existsSync(join(place.folder, 'copied')) ? ['copied'] : [])
      .toSorted(),
  )
  proxy.rule = () => undefined
  await succeeds(place, 'publish', '--to', to)
  await succeeds(place, 'lock', '--update')
  await leavesNothing(place)
})

compiled(
  'serve ends with 0, and at once, when it is idle or in the middle of an upload',
  async () => {
    using place = await builtPlace()
    const first = await serveRegistry(place)
    expect(await first.stop()).toBe(0)
    await using second = await serveRegistry(place)
    const upload = await fetch(`http://${second.host}/v2/r/blobs/uploads/`, { method: 'POST' })
    expect(upload.status).toBe(202)
    const publishing = ended(place.start('publish', '--to', `${second.host}/vfx`))
    await Bun.sleep(300)
    expect(await second.stop()).toBe(0)
    await publishing
    await nothingRuns(place)
    await using third = await serveRegistry(place)
    await succeeds(place, 'publish', '--to', `${third.host}/vfx`)
  },
)

/** Runs a line in a terminal, with Ctrl-C typed once a step of a build runs. */
async function throughTerminal(place: Project, args: readonly string[]) {
  let said = ''
  const decoder = new TextDecoder()
  const child = Bun.spawn([...programArgv(), ...args], {
    cwd: place.folder,
    env: { ...place.env, TERM: 'xterm-256color' },
    terminal: { cols: 100, rows: 30, data: (_, bytes) => void (said += decoder.decode(bytes)) },
  })
  const own = processesOf(place).length
  await until(() => said.includes('libone') && processesOf(place).length > own)
  child.terminal?.write('\u0003')
  const exitCode = await child.exited
  child.terminal?.close()
  return { said, exitCode }
}

compiled('the terminal is as it was: the cursor is shown again', async () => {
  using place = chainPlace()
  writeFileSync(
    join(place.folder, 'recipes/libone/backlot.yaml'),
    recipe('libone', ['1.0.0'], { script: 'sleep 600' }),
  )
  const { said, exitCode } = await throughTerminal(place, ['build'])
  expect(exitCode).toBe(130)
  expect(said).toContain('\u001B[?25l')
  expect(said.lastIndexOf('\u001B[?25h')).toBeGreaterThan(said.lastIndexOf('\u001B[?25l'))
  await nothingRuns(place)
})
