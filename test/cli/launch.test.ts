/** `run` in an environment that was entered before: from a record, without loading the rest. */
import { expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { launchRecordPath, programVersion, writeFileAtomic } from '#kernel/index.ts'
import { openProject, programArgv, type Project } from './harness.ts'

const files = { 'backlot.yaml': 'environment: {}\n', 'backlot.lock': '{}\n' }

/** Writes a record that proves by its variables that it was used. */
function remember(project: Project, choice: { environment?: string; frozen?: boolean } = {}): void {
  const { home, folder, env } = project
  const path = launchRecordPath({ home, folder, env, programVersion, ...choice })
  if (path === undefined) throw new TypeError('The project has no lockfile')
  const name = choice.environment ?? 'default'
  const variables = { set: { SEEN: name }, prepend: { PATH: [join(home, 'view/bin')] } }
  const needs = [join(home, 'runs')]
  writeFileAtomic(path, JSON.stringify({ format: 2, inputs: [], needs, argv: [], variables }))
}

test('the record is used, from any folder below, with -C and -e', async () => {
  using project = openProject({ ...files, 'deep/er/file': '' })
  remember(project)
  remember(project, { environment: 'py' })
  const show = ['sh', '-c', 'echo "$SEEN $0 $1"', 'a b', '--version'] as const

  const plain = await project.backlot('run', '--', ...show)
  const named = await project.backlot('run', '-e', 'py', '-C', 'deep/er', ...show)
  const locked = await project.backlot('run', '--locked', '--environment=py', ...show)

  expect(plain).toEqual({ exitCode: 0, stdout: 'default a b --version\n', stderr: '' })
  expect(named).toEqual({ exitCode: 0, stdout: 'py a b --version\n', stderr: '' })
  expect(locked).toEqual({ exitCode: 0, stdout: 'py a b --version\n', stderr: '' })
})

test('the exit code is the child’s, and a signal ends it as it ends the child', async () => {
  using project = openProject(files)
  remember(project)
  expect(await project.backlot('run', 'sh', '-c', 'exit 7')).toMatchObject({ exitCode: 7 })
  const killed = await project.backlot('run', 'sh', '-c', 'kill -TERM $$')
  expect(killed.exitCode).toBe(143)
})

test('the process is the child itself: nothing stays between', async () => {
  using project = openProject(files)
  remember(project)
  const { stdout } = await project.backlot('run', 'sh', '-c', 'cat /proc/$$/comm; echo $PPID')
  expect(stdout).toBe(`sh\n${process.pid}\n`)
})

test.each([
  ['backlot.yaml changed', (project: Project) => project.write('backlot.yaml', 'envir: {}\n')],
  ['backlot.lock changed', (project: Project) => project.write('backlot.lock', '{ }\n')],
  [
    'the record is gone',
    (project: Project) => rmSync(join(project.home, 'runs'), { recursive: true }),
  ],
])('%s: the long way is taken', async (_why, change) => {
  using project = openProject(files)
  remember(project)
  change(project)
  const outcome = await project.backlot('run', 'sh', '-c', 'echo "$SEEN"')
  expect(outcome.stdout).toBe('')
  expect(outcome.exitCode).not.toBe(0)
})

test('a frozen record is for --frozen only, and another environment has its own', async () => {
  using project = openProject(files)
  remember(project, { frozen: true })
  const seen = ['sh', '-c', 'echo "$SEEN"']
  expect((await project.backlot('run', '--frozen', ...seen)).stdout).toBe('default\n')
  expect((await project.backlot('run', ...seen)).stdout).toBe('')
  expect((await project.backlot('run', '--frozen', '-e', 'py', ...seen)).stdout).toBe('')
})

test('arguments and variables that are not UTF-8 arrive as they were', async () => {
  using project = openProject(files)
  remember(project)
  const line = `X=$(printf 'z\\351'); export X; exec "$@" "$(printf 'a\\351b')" "$(printf 'a\\350b')"`
  const show = ['sh', '-c', 'printf "%s " "$@" "$X"', 'sh', 'é']
  const argv = ['sh', '-c', line, 'sh', ...programArgv(), 'run', '--', ...show]

  const { stdout } = Bun.spawnSync(argv, { cwd: project.folder, env: { ...project.env } })

  expect(stdout.toString('latin1')).toBe(
    `${Buffer.from('é').toString('latin1')} a\xe9b a\xe8b z\xe9 `,
  )
})

test('a file that cannot be run, and one that is not there: the codes of shells', async () => {
  using project = openProject({ 'backlot.yaml': 'environment: {}\n', 'notes.txt': 'no program\n' })
  expect(await project.backlot('lock')).toMatchObject({ exitCode: 0 })
  const run = async (program: string) =>
    await project.backlot('run', '--launch', 'path', '--', program)
  for (const [program, exitCode, says] of [
    ['./notes.txt', 126, /^error\[env\/command-refused\]: \.\/notes\.txt .*\n {2}hint: /],
    ['./nothing', 127, /^error\[env\/command-missing\]: .*\.\/nothing\n {2}hint: /],
    ['nothing', 127, /^error\[env\/command-missing\]: 'nothing' .*\n {2}hint: /],
  ] as const) {
    const outcome = await run(program)
    expect(outcome).toMatchObject({ exitCode, stdout: '' })
    expect(outcome.stderr).toMatch(says)
  }
})

test('a program that is not there is named, with its code', async () => {
  using project = openProject(files)
  remember(project)
  const outcome = await project.backlot('run', 'no-such-program')
  expect(outcome.exitCode).not.toBe(0)
  expect(outcome.stderr).toStartWith('error[')
})
