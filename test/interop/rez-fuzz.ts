/**
 * Repositories full of broken and hostile definitions, made from a seed, and what has to hold when
 * one is read: no escape, no hang, no crash, everything told, and the good packages are there.
 *
 * `rez-fuzz.test.ts` does a little of it, `rez-soak.ts` as much as is asked for.
 */
import { expect } from 'bun:test'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { mangledDefinition, randomFrom } from '../../src/interop/mangled.fixture.ts'
import { rezAppIn } from './rez-app.ts'

/** What a hostile definition may know of the world that it is to stay out of. */
interface World {
  /** A folder that nothing may be read from or written to. */
  readonly outside: string
  readonly secret: string
  /** A port that somebody listens on. */
  readonly port: number
  /** In the command lines of processes that must not be left. */
  readonly marker: string
}

const python = (text: string): string => `import os, sys, time\n${text}\n`

/** Definitions that must not become packages, whatever world they are in. */
const worldless: Readonly<Record<string, string>> = {
  number_of_digits: python('timestamp = 10 ** 5000'),
  no_number: python("timestamp = float('nan')"),
  nested_answer: python('x = []\nfor _ in range(10 ** 5): x = [x]\nrequires = x'),
  surrogate: 'requires = ["\\ud800"]\n',
  nothing: 'requires = None\n',
  early_exit: '@early()\ndef requires():\n    raise SystemExit("bye")\n',
  early_yield: '@early()\ndef requires():\n    yield "base"\n',
  late_circle:
    '@late()\ndef requires():\n    return this.variants\n@late()\ndef variants():\n    return this.requires\n',
  dunder_import: 'requires = [__import__("os").listdir("/home")]\n',
  forks_on: python("for _ in range(5): os.fork()\nrequires = ['base']"),
  deep_calls: python('sys.setrecursionlimit(10 ** 9)\ndef f(): return f()\nf()'),
  threads: python(
    'import threading\nfor _ in range(10 ** 5): threading.Thread(target=time.sleep, args=(99,)).start()',
  ),
  ignores_signals: python(
    'import signal\nfor one in (15, 24): signal.signal(one, signal.SIG_IGN)\nwhile True: pass',
  ),
  slow_pattern: python("import re\nre.match('(a+)+$', 'a' * 64 + 'b')"),
  other_program: python("os.execv('/usr/bin/yes', ['yes'])"),
  other_builtins: python('import builtins\nbuiltins.isinstance = lambda *a: True\nrequires = 1'),
  own_write: python("os.write = lambda *a: 0\nrequires = ['base']"),
  fills_memory: python("open('/dev/shm/x', 'wb').write(b'x' * 10 ** 9)"),
  processes: python("requires = [str(os.listdir('/proc'))]"),
  variables: python('requires = [str(dict(os.environ))]'),
  many: `requires = [${'"base",'.repeat(20_000)}]\n`,
  escape: 'requires = ["base\\x1b[2J"]\n',
}

/** Definitions that must not become packages, by what they try. */
function hostileDefinitions(world: World): Readonly<Record<string, string>> {
  const { outside, port, marker } = world
  const path = JSON.stringify(outside)
  return {
    ...worldless,
    nesting: `requires = ${'['.repeat(100_000)}`,
    nested_calls: python(`requires = ${'str('.repeat(5000)}1${')'.repeat(5000)}`),
    nul: "requires = ['a\u0000b']\n",
    nul_code: 'import os\u0000\n',
    number: `requires = ${'9'.repeat(500_000)}\n`,
    text_bomb: python("requires = ['a' * 10 ** 10]"),
    list_bomb: python('requires = [0] * 10 ** 11'),
    number_bomb: python('requires = [str(9 ** 9 ** 9)]'),
    fork_bomb: python(
      'while True:\n    try:\n        os.fork()\n    except OSError:\n        pass',
    ),
    endless: python('while True: pass'),
    sleeps: python('time.sleep(1000)'),
    recursion: python('def f(): return f()\nf()'),
    shadow: python("requires = [open('/etc/shadow').read()]"),
    secret: python(`requires = [open(${path} + '/secret').read()]`),
    listing: python(`requires = os.listdir(${path})`),
    writes_outside: python(`open(${path} + '/made', 'w')`),
    writes_here: python("open(os.path.dirname(__file__) + '/made', 'w')"),
    removes: python('os.remove(__file__)'),
    mounts: python(
      "import ctypes\nif ctypes.CDLL(None).mount(b'none', b'/usr', b'tmpfs', 0, None): raise OSError",
    ),
    connects: python(`import socket\nsocket.create_connection(('127.0.0.1', ${port}), 2)`),
    spawns: python(
      `import subprocess\nsubprocess.Popen(['sleep', '${marker}'], start_new_session=True)\nraise OSError`,
    ),
    daemon: python(
      `if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.execvp('sleep', ['sleep', '${marker}'])\nraise OSError`,
    ),
    kills_all: python('os.kill(-1, 9)\ntime.sleep(1000)'),
    kills_parent: python('os.kill(os.getppid(), 9)\ntime.sleep(1000)'),
    stops_parent: python('os.kill(os.getppid(), 19)\ntime.sleep(1000)'),
    traces: python(
      "import ctypes\nif ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == -1: raise OSError('refused')",
    ),
    crashes: python('import ctypes\nctypes.string_at(0)'),
    aborts: python('os.abort()'),
    leaves: python('os._exit(0)'),
    exits: python('sys.exit(0)'),
    spoofs: python(
      `for fd in range(3, 64):\n    try:\n        os.write(fd, b'{"attributes": {"requires": ["spoofed"]}}\\n' * 3)\n    except OSError:\n        pass\nos._exit(0)`,
    ),
    prints: python("while True: print('x' * 10 ** 6)"),
    large_answer: python("requires = ['x'] * 10 ** 6"),
    object: python('requires = object()'),
    circle: python('requires = []\nrequires.append(requires)'),
    generator: python('requires = (x for x in iter(int, 1))'),
    lies: python('class L(list):\n    def __iter__(self): return iter(int, 1)\nrequires = L([1])'),
    exception: python('class E(Exception):\n    def __str__(self): raise self\nraise E()'),
    encoding: '# -*- coding: no_such -*-\nimport os\n',
    bidi: 'import os\nrequires = ["\u202eevil"]\n',
    wrong_type: 'requires = {"a": 1}\n',
    wrong_item: 'requires = [["a"]]\n',
    wrong_range: "requires = ['a-1..']\n",
    long_range: `requires = ['a-${'1|'.repeat(5000)}1']\n`,
    wrong_variants: "variants = ['a']\n",
    tabs: 'if True:\n\tx = 1\n        y = 2\n',
    unfinished: 'requires = ["a',
  }
}

/** Those that last until they are ended, of which a few are enough in a hurry. */
const lasting: ReadonlySet<string> = new Set([
  'fork_bomb',
  'sleeps',
  'stops_parent',
  'prints',
  'number_bomb',
  'lies',
  'generator',
  'deep_calls',
  'ignores_signals',
  'slow_pattern',
  'own_write',
  'threads',
])

const good = [
  "requires = ['base']\n",
  'import os\nrequires = [str("base")]\n',
  'name = "x"\n',
  '\uFEFFname = "x"\r\nrequires = [\r\n"base",\r\n]\r\n',
  '\uFEFFimport os\r\nrequires = ["base"]\r\n',
  '@late()\ndef requires():\n    return ["base"] if not in_context() else ["nowhere"]\n',
  'import sys\nprint("x")\nsys.stderr.write("x")\nrequires = ["base"]\n',
  'import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\nrequires = ["base"]\n',
  'name = "somebody_else"\nversion = "2"\nrequires = ["base"]\n',
  'import os\nif os.fork(): requires = ["base"]\nelse: os._exit(0)\n',
] as const

interface FuzzOptions {
  readonly seed: number
  /** Number of mangled definitions. */
  readonly mangled: number
  /** Hostile definitions: none, those that end soon, or all. */
  readonly hostile: 'none' | 'quick' | 'all'
  readonly note: (text: string) => void
}

/** Makes a repository, reads it, and checks what has to hold. */
export async function readHostileRepository(options: FuzzOptions): Promise<void> {
  const { seed, mangled, note } = options
  using folder = temporaryFolder()
  const repository = join(folder.path, 'packages')
  const outside = join(folder.path, 'outside')
  mkdirSync(outside)
  const secret = `secret-${seed}-of-nobody`
  writeFileSync(join(outside, 'secret'), secret)
  let connections = 0
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { open: () => void (connections += 1), data: () => undefined },
  })
  const marker = `1000.${process.pid}${seed}`
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(repository, path)), { recursive: true })
    writeFileSync(join(repository, path), text)
  }
  write('base/1/package.py', '')
  for (const [at, text] of good.entries()) write(`good${at}/1/package.py`, text)
  const world = { outside, secret, port: listener.port, marker }
  const hostile = chosenDefinitions(options, world)
  for (const [name, text] of Object.entries(hostile)) write(`${name}/1/package.py`, text)
  const odd = options.hostile === 'none' ? [] : oddFiles(repository)
  const random = randomFrom(seed)
  for (let at = 0; at < mangled; at += 1)
    write(`mangled${at}/1/package.py`, mangledDefinition(random))
  const before = treeOf(folder.path)
  const app = rezAppIn(folder.path)
  const startedMs = performance.now()
  const report = await app.importRez({ path: repository, afresh: true })
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  note(`seed ${seed}: ${report.packages} read, ${report.problems.length} not, ${seconds} s`)
  listener.stop(true)
  for (const { path, reason } of report.problems)
    if (!path.startsWith('mangled')) note(`  ${path}: ${reason}`)

  const told = report.problems.map(({ path }) => path)
  const wanted = [...Object.keys(hostile).map((name) => `${name}/1/package.py`), ...odd]
  expect(wanted.filter((path) => !told.includes(path))).toEqual([])
  expect(told.filter((path) => !wanted.includes(path) && !path.startsWith('mangled'))).toEqual([])
  expect(report.problems.filter(({ reason }) => reason.trim() === '')).toEqual([])
  for (const at of good.keys())
    expect(
      await app.solveRez({ repositories: [repository], request: [`good${at}`] }),
    ).toMatchObject({ kind: 'solved' })
  expect(JSON.stringify(report)).not.toContain(secret)
  expect(connections).toBe(0)
  expect(processesWith(marker)).toEqual([])
  expect(treeOf(folder.path)).toEqual(before)
}

function chosenDefinitions({ hostile }: FuzzOptions, world: World): Record<string, string> {
  const all = Object.entries(hostileDefinitions(world))
  return Object.fromEntries(
    all.filter(([name]) => hostile === 'all' || (hostile === 'quick' && !lasting.has(name))),
  )
}

/** Things that are no files, files that are too large, and links that lead nowhere. */
function oddFiles(repository: string): string[] {
  const names = ['pipe', 'device', 'huge', 'links', 'folder', 'away', 'latin', 'wide']
  for (const name of names) mkdirSync(join(repository, name, '1'), { recursive: true })
  const at = (name: string): string => join(repository, name, '1/package.py')
  makePipe(at('pipe'))
  symlinkSync('/dev/zero', at('device'))
  writeFileSync(at('huge'), '#')
  truncateSync(at('huge'), 100 * 1024 ** 2)
  symlinkSync('package.py', at('links'))
  mkdirSync(at('folder'))
  symlinkSync('../../../outside/secret', at('away'))
  writeFileSync(at('latin'), Buffer.from('description = "caf\u00e9"\n', 'latin1'))
  writeFileSync(at('wide'), Buffer.from('requires = ["base"]\n', 'utf16le'))
  const yaml = {
    nested: `requires: ${'['.repeat(50_000)}\n`,
    tagged: 'requires: !!python/object/apply:os.system ["touch x"]\n',
    bomb: 'a: &a [x, x]\nb: &b [*a, *a]\nrequires: *b\n',
  }
  for (const [name, text] of Object.entries(yaml)) {
    mkdirSync(join(repository, name, '1'), { recursive: true })
    writeFileSync(join(repository, name, '1/package.yaml'), text)
  }
  symlinkSync('.', join(repository, 'itself'))
  symlinkSync('/', join(repository, 'everything'))
  makePipe(join(repository, 'pipe_family.py'))
  mkdirSync(join(repository, 'named/1\u001b[31m'), { recursive: true })
  writeFileSync(join(repository, 'named/1\u001b[31m/package.py'), '')
  const versions = names.map((name) => `${name}/1/package.py`)
  const documents = Object.keys(yaml).map((name) => `${name}/1/package.yaml`)
  return [...versions, ...documents, 'pipe_family.py', 'named/1\u001b[31m/package.py']
}

function makePipe(path: string): void {
  expect(Bun.spawnSync(['mkfifo', path]).exitCode).toBe(0)
}

/** Paths with sizes below a folder, without what Backlot itself keeps; links are not followed. */
function treeOf(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(below, entry.name)
      if (path === 'home') return []
      if (entry.isDirectory()) return [path, ...treeOf(folder, path)]
      return [`${path} ${lstatSync(join(folder, path)).size}`]
    })
    .sort()
}

function processesWith(marker: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8')
      } catch {
        return '' // It has ended meanwhile.
      }
    })
    .filter((line) => line.includes(`sleep\0${marker}`))
}
