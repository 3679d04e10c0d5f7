/** Environments of Rez packages: variable for variable what `rez-env` makes of them. */
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { programArgv } from '../cli/harness.ts'
import { outside } from '../outside.ts'
import { rezPackages, rezRequests } from './rez-run.fixture.ts'

const folder = temporaryFolder()
const repository = join(folder.path, 'packages')
for (const [path, text] of Object.entries(rezPackages)) {
  mkdirSync(dirname(join(repository, path)), { recursive: true })
  writeFileSync(join(repository, path), text)
}
afterAll(() => folder[Symbol.dispose]())

const env = {
  PATH: process.env['PATH'] ?? '',
  HOME: folder.path,
  LANG: 'C.UTF-8',
  BACKLOT_HOME: join(folder.path, 'home'),
  FROM_OUTSIDE: 'outside',
  REMOVED: 'x',
  GONE: 'y',
  SHELL: '/bin/bash',
}

function ran(argv: readonly string[], own: Readonly<Record<string, string>> = env) {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...argv], { env: own, cwd: folder.path })
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode }
}

function backlot(...args: readonly string[]) {
  return ran([...programArgv(), ...args])
}

/** What docs/rez.md names: times, files of Rez's own, and what a shell sets for itself. */
const differing = new Set([
  'REZ_USED',
  'REZ_USED_TIMESTAMP',
  'REZ_SHELL_INIT_TIMESTAMP',
  'REZ_RXT_FILE',
  'REZ_CONTEXT_FILE',
  'REZ_STORED_PROMPT_SH',
  'PS1',
  'SHLVL',
  'PWD',
  'OLDPWD',
  '_',
])

/** Lines before the variables, and the variables. */
function environmentIn(output: string) {
  const start = output.indexOf('@@\n') + 3
  const variables = output
    .slice(start)
    .split('\0')
    .filter((line) => line !== '')
  const pairs = variables.map((line): [string, string] => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1)]
  })
  const kept = pairs.filter(([name]) => !differing.has(name))
  return { said: output.slice(0, start), variables: Object.fromEntries(kept) }
}

const shown = ['sh', '-c', 'echo @@; env -0']

describe('the environment is that of rez-env', () => {
  const rez = outside(['rez-env', 'bash', 'bwrap', 'python3', 'namespaces'])

  rez.each(rezRequests.map((request) => [request.join(' '), request] as const))(
    '%s',
    (_name, request) => {
      const theirs = ran(['rez-env', '--paths', repository, ...request, '--', ...shown])
      const asked = request.flatMap((one) => ['-r', one])
      const ours = backlot('run', '--rez', repository, ...asked, '--', ...shown)
      expect(ours.stderr).toBe(theirs.stderr.replaceAll(/^Pip-based rez.*\n/gm, ''))
      expect(environmentIn(ours.stdout)).toEqual(environmentIn(theirs.stdout))
      expect(ours.exitCode).toBe(theirs.exitCode)
    },
  )
})

outside(['rez-env', 'bash', 'bwrap', 'python3', 'namespaces'])(
  'lists of bash lines are what Rez makes of them where it is told to take them',
  () => {
    const own = { ...env, REZ_DISABLE_REZ_1_COMPATIBILITY: '0', REZ_WARN_OLD_COMMANDS: '0' }
    const theirs = ran(['rez-env', '--paths', repository, 'old', '--', ...shown], own)
    const argv = ['run', '--rez', repository, '-r', 'old', '--', ...shown]
    const ours = ran([...programArgv(), ...argv], own)
    expect(environmentIn(ours.stdout)).toEqual(environmentIn(theirs.stdout))
    expect(ours.stderr).toBe('')
  },
)

describe('running', () => {
  const bash = outside(['bash', 'bwrap', 'python3', 'namespaces'])

  /** A repository of its own, with these commands by package. */
  function studio(commands: Readonly<Record<string, string>>) {
    const own = temporaryFolder()
    for (const [name, body] of Object.entries(commands)) {
      mkdirSync(join(own.path, name, '1'), { recursive: true })
      const lines = body.split('\n').map((line) => `    ${line}\n`)
      writeFileSync(join(own.path, name, '1/package.py'), `def commands():\n${lines.join('')}`)
    }
    return {
      path: own.path,
      run: (request: string, ...argv: readonly string[]) =>
        backlot('run', '--rez', own.path, '-r', request, '--', ...argv),
      [Symbol.dispose]: () => own[Symbol.dispose](),
    }
  }

  bash('arguments arrive as they are, the exit code and the signal are the program’s', () => {
    using at = studio({ plain: 'env.A = "{version}"', shelled: 'alias("a", "b")' })
    for (const name of ['plain', 'shelled']) {
      const odd = ['$HOME', 'a b', '*', '"', "'", '']
      const told = at.run(name, 'sh', '-c', 'printf "%s|" "$@"; exit 7', 'sh', ...odd)
      expect(told).toMatchObject({ stdout: `${odd.join('|')}|`, exitCode: 7 })
      const child = Bun.spawnSync(
        [...programArgv(), 'run', '--rez', at.path, '-r', name, '--', 'sh', '-c', 'kill -9 $$'],
        { env },
      )
      expect(child.signalCode).toBe('SIGKILL')
    }
  })

  bash('an alias, or a function of sourced code, is a command', () => {
    using at = studio({
      aliased: 'alias("greet", "echo hello")\ncommand("other() { echo $#; return 3; }")',
    })
    expect(at.run('aliased', 'greet', 'a  b').stdout).toBe('hello a  b\n')
    expect(at.run('aliased', 'other', 'a', 'b')).toMatchObject({ stdout: '2\n', exitCode: 3 })
    expect(at.run('aliased', 'bash', '-c', 'greet again').stdout).toBe('hello again\n')
  })

  bash('files of a rez-env around it are not taken for its own', () => {
    using at = studio({ plain: 'env.A = "1"', shelled: 'alias("a", "b")' })
    const own = { ...env, REZ_RXT_FILE: '/x.rxt', REZ_CONTEXT_FILE: '/x.sh', REZ_OTHER: 'kept' }
    for (const name of ['plain', 'shelled']) {
      const run = [...programArgv(), 'run', '--rez', at.path, '-r', name]
      const told = ran([...run, '--', 'env'], own).stdout
      expect(told).not.toContain('REZ_RXT_FILE')
      expect(told).not.toContain('REZ_CONTEXT_FILE')
      expect(told).toContain('REZ_OTHER=kept')
      expect(ran([...run, '--print-env'], own).stdout).toStartWith('unset REZ_RXT_FILE\n')
    }
  })

  bash('a reset replaces, which Rez’s own shells fail at', () => {
    using at = studio({ one: 'env.X.append("a")\nresetenv("X", "b")\nenv.X.append("c")' })
    expect(at.run('one', 'sh', '-c', 'echo $X').stdout).toBe('b:c\n')
  })

  bash('several packages, with commas and repeated, ranges with commas', () => {
    using at = studio({ one: 'env.X = "1"', two: 'env.Y = "2"', three: 'env.Z = "3"' })
    const argv = ['-r', 'one>=1,<2,two', '-r', 'three', '--', 'sh', '-c', 'echo $X$Y$Z']
    expect(backlot('run', '--rez', at.path, ...argv).stdout).toBe('123\n')
  })

  bash(
    'commands that fail, stop or run forever end it with a reason',
    () => {
      using at = studio({
        fails: 'x = 1\nnothing.at_all()',
        stops: 'stop("not on %s", system.platform)',
        endless: 'while True: pass',
        returns: 'return 1',
        exits: 'import os\nos._exit(0)',
      })
      const told = (name: string) => at.run(name, 'true')
      expect(told('fails').stderr).toContain(
        "commands() of fails-1 failed: NameError: name 'nothing' is not defined",
      )
      expect(told('stops').stderr).toContain('commands() of stops-1 stopped: not on linux')
      expect(told('endless').stderr).toContain('it ran for more than 10 s')
      expect(told('returns').stderr).toContain("'return' outside function")
      expect(told('exits')).toMatchObject({ exitCode: 1 })
    },
    60_000,
  )

  bash('package code reads no more than the repository and changes nothing', () => {
    using at = studio({
      hostile: `import os, socket
def tried(what):
    try:
        return str(what())[:40]
    except BaseException as error:
        return type(error).__name__
env.SHADOW = tried(lambda: open("/etc/shadow").read())
env.OWN = tried(lambda: open(os.path.join(base, "x"), "w"))
env.NET = tried(lambda: socket.create_connection(("127.0.0.1", 22), 1))
env.HOME_SEEN = tried(lambda: os.listdir("${folder.path}/home"))
env.REPOSITORY = tried(lambda: os.listdir(os.path.dirname(os.path.dirname(base))))
print("said on the way")`,
    })
    const asked = 'echo $SHADOW $OWN $NET $HOME_SEEN $REPOSITORY'
    const told = at.run('hostile', 'sh', '-c', asked)
    expect(told.stdout).toBe(
      "FileNotFoundError OSError ConnectionRefusedError FileNotFoundError ['hostile']\n",
    )
    expect(told.stderr).toBe('note: said on the way\n')
  })

  test('simple commands need neither Python nor a sandbox', () => {
    using at = studio({ simple: 'env.X = "{root}"\nenv.PATH.append("{root}/bin")' })
    const argv = [...programArgv(), 'run', '--rez', at.path, '-r', 'simple', '--', '/bin/sh', '-c']
    const told = ran([...argv, 'echo $X'], { ...env, PATH: '/nowhere' })
    expect(told).toEqual({ stdout: `${at.path}/simple/1\n`, stderr: '', exitCode: 0 })
  })

  bash('without a sandbox package code is not run', () => {
    using at = studio({ code: 'x = 1' })
    const argv = [...programArgv(), 'run', '--rez', at.path, '-r', 'code', '--', '/bin/true']
    const told = ran(argv, { ...env, PATH: '/nowhere' })
    expect(told.stderr).toContain('error[interop/no-python]')
    expect(told.exitCode).toBe(1)
  })

  bash('the environment as code, and as data', () => {
    using at = studio({ one: 'env.X.append("{root}")\nalias("a", "echo b")\ninfo("said")' })
    const printed = ['run', '--rez', at.path, '-r', 'one', '--print-env']
    const { stdout } = backlot(...printed)
    const child = Bun.spawnSync(['bash', '-c', 'eval "$(cat)"; a; echo $X'], {
      env,
      stdin: Buffer.from(stdout),
    })
    expect(child.stdout.toString()).toBe(`said\nb\n${at.path}/one/1\n`)
    const data: unknown = JSON.parse(backlot(...printed, '--format', 'json').stdout)
    expect(data).toMatchObject({ kind: 'solved', variables: null, code: stdout })
    expect(data).toHaveProperty(
      'operations',
      expect.arrayContaining([
        {
          package: 'one',
          phase: 'commands',
          operation: 'appendenv',
          name: 'X',
          value: `${at.path}/one/1`,
        },
      ]),
    )
    expect(backlot('run', '--rez', at.path, '-r', 'one').exitCode).toBe(2)
  })

  outside(['bash', 'zsh'])('a shell has the variables and the aliases', () => {
    using at = studio({ one: 'env.X = "{version}"\nalias("greet", "echo hello")' })
    for (const shell of ['bash', 'zsh']) {
      const argv = [...programArgv(), 'shell', '--rez', at.path, '-r', 'one', '--shell', shell]
      const stdin = Buffer.from('greet $X $REZ_SHELL_INTERACTIVE >$HOME/told\nexit 3\n')
      const child = Bun.spawnSync(argv, { env, stdin, stdout: 'ignore', stderr: 'ignore' })
      expect(readFileSync(join(folder.path, 'told'), 'utf8')).toBe('hello 1 1\n')
      expect(child.exitCode).toBe(3)
    }
    const fish = backlot('shell', '--rez', at.path, '-r', 'one', '--shell', 'fish')
    expect(fish.stderr).toContain('Rez packages speak the language of bash and zsh')
  })

  test('what cannot be solved or found is told', () => {
    using at = studio({ one: 'env.X = "1"' })
    expect(at.run('one-2', 'true')).toMatchObject({ stdout: '', exitCode: 1 })
    const missing = at.run('one', 'no-such-program')
    expect(missing.stderr).toContain("'no-such-program' was not found in the environment")
    expect(missing.stderr).toContain('Packages are asked for with `-r`')
  })
})
