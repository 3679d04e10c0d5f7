import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  AppError,
  launchCommand,
  launchContext,
  launchInput,
  launchVariables,
  readLaunchRecord,
  temporaryFolder,
} from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { activate } from './activation.ts'
import { type NamespaceSupport, probeNamespaces } from './namespaces.ts'

const path = process.env['PATH'] ?? ''
const refused: NamespaceSupport = { kind: 'refused', reason: 'a test says so', hints: [] }

/** What overlayfs and shells take for more than a letter. A PATH cannot hold a colon. */
const oddName = 'a view: with, odd\\name'

function makeView(folder: string, name = 'view'): string {
  const view = join(folder, name)
  for (const part of ['bin', 'lib/pkgconfig', 'lib/python3.11/site-packages', 'share/man'])
    mkdirSync(join(view, part), { recursive: true })
  writeFileSync(join(view, 'bin/hello'), '#!/bin/sh\necho "hello from $0 $*"\n')
  chmodSync(join(view, 'bin/hello'), 0o755)
  return view
}

/** Runs a command as `run` does, in a process of its own, and gives what it said. */
function enter(record: unknown, argv: readonly string[], given = path, more = {}) {
  const script = `import { launchCommand, replaceProcess } from '#kernel/index.ts'
const { argv, env } = launchCommand(${JSON.stringify(record)}, ${JSON.stringify(argv)}, process.env)
process.exit(await replaceProcess(argv, env))`
  const env = { PATH: given, HOME: '/tmp', INHERITED: 'yes', ...more }
  return Bun.spawn([process.execPath, '-e', script], {
    env,
    cwd: join(import.meta.dir, '../..'),
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

describe('variables', () => {
  test('a view whose path would be two entries of PATH is refused', () => {
    using folder = temporaryFolder()
    const viewPrefix = makeView(folder.path, 'a:b')
    expect(() => activate({ name: 'a', viewPrefix, namespaces: refused })).toThrow(
      expect.objectContaining({
        code: 'env/bad-path',
        hints: [expect.stringContaining('BACKLOT_HOME')],
      }),
    )
  })

  test('only folders that the view has; the user can name the prefix', () => {
    using folder = temporaryFolder()
    const viewPrefix = makeView(folder.path)
    const { record, mode, notices } = activate({
      name: 'default',
      viewPrefix,
      namespaces: refused,
      variables: { OCIO: '${prefix}/share/ocio', BACKLOT_PREFIX: 'not yours' },
    })
    expect(mode).toBe('path')
    expect(notices[0]?.text).toContain('a test says so')
    expect(record.variables).toEqual({
      set: {
        OCIO: `${viewPrefix}/share/ocio`,
        BACKLOT_ENVIRONMENT: 'default',
        BACKLOT_PREFIX: viewPrefix,
      },
      prepend: {
        PATH: [`${viewPrefix}/bin`],
        CMAKE_PREFIX_PATH: [viewPrefix],
        PKG_CONFIG_PATH: [`${viewPrefix}/lib/pkgconfig`],
        PYTHONPATH: [`${viewPrefix}/lib/python3.11/site-packages`],
        MANPATH: [`${viewPrefix}/share/man`],
      },
    })
  })

  test('asking for a mount where it is refused is an error', () => {
    const options = { name: 'a', viewPrefix: '/v', namespaces: refused } as const
    expect(() => activate({ ...options, mode: 'mount' })).toThrow('a test says so')
    expect(() => activate({ ...options, scratch: true })).toThrow('scratch')
  })

  test.each([
    [{ PATH: '/usr/bin' }, '/v/bin:/usr/bin'],
    [{ PATH: '/usr/bin:/v/bin:/bin' }, '/v/bin:/usr/bin:/bin'],
    [{ PATH: '/w/bin:/usr/bin', BACKLOT_PREFIX: '/w' }, '/v/bin:/usr/bin'],
    [{ PATH: '/usr/local/bin:/x', BACKLOT_PREFIX: '/usr/local' }, '/v/bin:/usr/local/bin:/x'],
    [{}, '/v/bin'],
  ])('PATH of %p', (env, expected) => {
    const variables = { set: {}, prepend: { PATH: ['/v/bin'] } }
    expect(launchVariables(variables, env)['PATH']).toBe(expected)
  })

  test('MANPATH keeps the empty entry that stands for the system', () => {
    const variables = { set: {}, prepend: { MANPATH: ['/v/man'] } }
    expect(launchVariables(variables, {})['MANPATH']).toBe('/v/man:')
    expect(launchVariables(variables, { MANPATH: '/x:' })['MANPATH']).toBe('/v/man:/x:')
  })
})

test('a record is stale when an input changed or the view is gone', () => {
  using folder = temporaryFolder()
  const lockfile = join(folder.path, 'backlot.lock')
  const file = join(folder.path, 'record.json')
  writeFileSync(lockfile, 'one')
  const { record } = activate({
    name: 'a',
    viewPrefix: folder.path,
    namespaces: refused,
    inputs: [launchInput(lockfile), launchInput(join(folder.path, 'absent'))],
  })
  writeFileSync(file, JSON.stringify(record))
  expect(readLaunchRecord(file)).toEqual(record)
  utimesSync(lockfile, 1, 1)
  expect(readLaunchRecord(file)).toBeUndefined()
  writeFileSync(file, JSON.stringify({ ...record, inputs: [], needs: ['/nowhere'] }))
  expect(readLaunchRecord(file)).toBeUndefined()
  writeFileSync(file, JSON.stringify({ ...record, inputs: [], context: launchContext() }))
  expect(readLaunchRecord(file)).toBeDefined()
  writeFileSync(file, JSON.stringify({ ...record, inputs: [], context: 'another machine' }))
  expect(readLaunchRecord(file)).toBeUndefined()
  writeFileSync(file, '{"format":1')
  expect(readLaunchRecord(file)).toBeUndefined()
})

describe('commands', () => {
  test('path mode: a program of the view runs, others are inherited', async () => {
    using folder = temporaryFolder()
    const viewPrefix = makeView(folder.path)
    const { record } = activate({ name: 'a', viewPrefix, namespaces: refused })
    const child = enter(record, ['hello', 'x'])
    expect(await new Response(child.stdout).text()).toBe(`hello from ${viewPrefix}/bin/hello x\n`)
    expect(await child.exited).toBe(0)
  })

  test('a command that is nowhere is told before anything starts', () => {
    const { record } = activate({ name: 'a', viewPrefix: '/nowhere', namespaces: refused })
    expect(() => launchCommand(record, ['no-such-program'], { PATH: path })).toThrow('not found')
  })

  outside(['namespaces'])('mount mode: seen at the prefix, read-only, only there', async () => {
    using folder = temporaryFolder()
    const viewPrefix = makeView(folder.path, oddName)
    const { record, prefix } = activate({
      name: 'a',
      viewPrefix,
      namespaces: probeNamespaces({ path }),
    })
    expect(prefix).toBe('/usr/local')
    const look = 'hello; ls /usr/local; touch /usr/local/x || echo refused; echo $INHERITED'
    const child = enter(record, ['sh', '-c', look])
    const said = await new Response(child.stdout).text()
    expect(said).toBe('hello from /usr/local/bin/hello \nbin\nlib\nshare\nrefused\nyes\n')
    expect(await Bun.file('/usr/local/bin/hello').exists()).toBe(false)
  })

  outside(['namespaces'])('it is mounted whatever PATH the command gets', async () => {
    using folder = temporaryFolder()
    const viewPrefix = makeView(folder.path)
    for (const scratch of [false, true]) {
      const namespaces = probeNamespaces({ path, scratch })
      if (scratch && namespaces.kind === 'available' && namespaces.scratch !== true) continue
      const { record } = activate({ name: 'a', viewPrefix, namespaces, scratch })
      const child = enter(record, ['/bin/sh', '-c', 'hello; echo "$PATH"'], '/nowhere')
      const said = await new Response(child.stdout).text()
      expect(said).toBe('hello from /usr/local/bin/hello \n/usr/local/bin:/nowhere\n')
    }
  })

  outside(['namespaces'])('functions that bash exports, and other odd names, arrive', async () => {
    using folder = temporaryFolder()
    const namespaces = probeNamespaces({ path })
    const { record } = activate({ name: 'a', viewPrefix: makeView(folder.path), namespaces })
    const odd = { 'BASH_FUNC_module%%': '() {  echo "loaded $1"\n}', 'a.b': 'c d\n', 'x-y': '' }
    const look = 'module gcc; hello; env | grep -aE "^(a.b|x-y)=" | sort; echo $INHERITED'
    const child = enter(record, ['bash', '-c', look], path, odd)
    const said = await new Response(child.stdout).text()
    const hello = 'hello from /usr/local/bin/hello \n'
    expect(said).toBe(`loaded gcc\n${hello}a.b=c d\nx-y=\nyes\n`)
  })

  outside(['namespaces'])('a program named by its path is looked at as it is inside', () => {
    using folder = temporaryFolder()
    const view = makeView(folder.path)
    writeFileSync(join(view, 'bin/notes'), 'text')
    symlinkSync('/usr/local/bin', join(folder.path, 'tools'))
    const { record } = activate({
      name: 'a',
      viewPrefix: view,
      namespaces: probeNamespaces({ path }),
    })
    const codeOf = (program: string) => {
      try {
        launchCommand(record, [program], { PATH: path })
        return 'found'
      } catch (error) {
        return error instanceof AppError ? error.code : error
      }
    }
    expect(['hello', 'notes', 'nothing'].map((name) => codeOf(`/usr/local/bin/${name}`))).toEqual([
      'found',
      'env/command-refused',
      'env/command-missing',
    ])
    expect(codeOf(join(folder.path, 'tools/hello'))).toBe('found')
    expect(codeOf('/usr/local/bin')).toBe('env/command-refused')
    expect(codeOf('./nothing')).toBe('env/command-missing')
    expect(codeOf('/no/such/folder/x')).toBe('found') // The kernel will say.
  })

  outside(['namespaces'])('the process is the command: id, signals, exit code', async () => {
    using folder = temporaryFolder()
    const viewPrefix = makeView(folder.path, oddName)
    const namespaces = probeNamespaces({ path })
    const { record } = activate({ name: 'a', viewPrefix, namespaces })
    const script =
      'trap "exit 42" TERM; echo $$; grep SigIgn /proc/self/status; while :; do :; done'
    const child = enter(record, ['bash', '-c', script])
    const reader = child.stdout.getReader()
    let said = ''
    while (!said.includes('SigIgn'))
      said += Buffer.from((await reader.read()).value ?? '').toString()
    if (namespaces.kind === 'available' && namespaces.engine !== 'bubblewrap')
      expect(Number(said.split('\n')[0])).toBe(child.pid)
    expect(said).toContain('SigIgn:\t0000000000000000')
    child.kill('SIGTERM')
    expect(await child.exited).toBe(42)
  })

  // Only root can give its rights away for a child.
  outside(process.getuid?.() === 0 ? ['setpriv'] : ['root'])(
    'where namespaces are refused, the reason is told and path mode is taken',
    async () => {
      using folder = temporaryFolder()
      const viewPrefix = makeView(folder.path)
      const script = `import { activate, probeNamespaces } from '#env/index.ts'
const namespaces = probeNamespaces({ path: process.env.PATH })
console.log(JSON.stringify(activate({ name: 'a', viewPrefix: process.argv[1], namespaces })))`
      const argv = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', process.execPath]
      const child = Bun.spawn([...argv, '-e', script, viewPrefix], {
        env: { PATH: path },
        cwd: join(import.meta.dir, '../..'),
        stdout: 'pipe',
      })
      const said: unknown = JSON.parse(await new Response(child.stdout).text())
      expect(said).toMatchObject({ mode: 'path', prefix: viewPrefix, record: { argv: [] } })
      expect(JSON.stringify(said)).toContain('this machine refuses namespaces')
    },
  )

  outside(process.getuid?.() === 0 ? ['mount', 'namespaces'] : ['root'])(
    'a view on a file system whose flags may not be taken away is mounted',
    async () => {
      using folder = temporaryFolder()
      const disk = join(folder.path, 'disk')
      mkdirSync(disk)
      const quiet = { stdout: 'ignore', stderr: 'inherit' } as const
      Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'nosuid,nodev,noatime', 'tmpfs', disk], quiet)
      try {
        const viewPrefix = makeView(disk)
        // In a user namespace, as for any user who is not root.
        const uid = 0
        const program = Bun.which('unshare') ?? 'unshare'
        const engine = 'unshare'
        const scratch = undefined
        const namespaces = { kind: 'available', engine, program, uid, gid: 0, scratch } as const
        const { record } = activate({ name: 'a', viewPrefix, namespaces })
        const child = enter(record, ['sh', '-c', 'hello; touch /usr/local/x || echo refused'])
        const said = await new Response(child.stdout).text()
        expect(said).toBe('hello from /usr/local/bin/hello \nrefused\n')
      } finally {
        Bun.spawnSync(['umount', disk], quiet)
      }
    },
  )

  outside(['namespaces'])('a scratch layer takes writes, and they are gone after', async () => {
    using folder = temporaryFolder()
    const viewPrefix = makeView(folder.path, oddName)
    const namespaces = probeNamespaces({ path, scratch: true })
    if (namespaces.kind !== 'available' || namespaces.scratch !== true) {
      const wish = { name: 'a', viewPrefix, namespaces, scratch: true } as const
      expect(() => activate(wish)).toThrow('scratch')
      return
    }
    const { record } = activate({ name: 'a', viewPrefix, namespaces, scratch: true })
    const change =
      'echo new > /usr/local/new && rm /usr/local/bin/hello && ls /usr/local /usr/local/bin'
    const child = enter(record, ['sh', '-c', change])
    const said = await new Response(child.stdout).text()
    expect(said).toBe('/usr/local:\nbin\nlib\nnew\nshare\n\n/usr/local/bin:\n')
    expect(await Bun.file(join(viewPrefix, 'bin/hello')).exists()).toBe(true)
    expect(await Bun.file(join(viewPrefix, 'new')).exists()).toBe(false)
  })
})
