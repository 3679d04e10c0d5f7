import { expect, setDefaultTimeout } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '#kernel/index.ts'
import { readTree } from '#store/index.ts'
import { outside } from '../outside.ts'
import { type Bench, bench, make, path, recipe } from './harness.ts'

const test = outside(['g++', 'make', 'ar', 'namespaces'])
setDefaultTimeout(120_000)

/** A source folder beside the home. */
function sources(place: Bench, files: Readonly<Record<string, string>>): string {
  const folder = join(place.home, '..', 'source')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const makefile = `all: libone.a libone.so two
libone.a: one.o
\tar rcU $@ one.o
one.o: one.c
\t$(CC) $(CFLAGS) -fPIC -c one.c
libone.so: one.o
\t$(CC) -shared -o $@ one.o $(LDFLAGS)
two: two.c libone.so
\t$(CC) $(CFLAGS) two.c -L. -lone -o $@ $(LDFLAGS)
install: all
\tmkdir -p $(DESTDIR)/usr/local/lib $(DESTDIR)/usr/local/bin
\tcp libone.a libone.so $(DESTDIR)/usr/local/lib
\tcp two $(DESTDIR)/usr/local/bin
\techo "dependency_libs=''" > $(DESTDIR)/usr/local/lib/libone.la
`

test('make: search paths are set, archives lose their times, libtool files go', async () => {
  const files = {
    Makefile: makefile,
    'one.c': 'int one(void) { return 1; }\n',
    'two.c': 'int one(void);\nint main(void) { return one() - 1; }\n',
    COPYING: 'free',
  }
  const asked = recipe({
    name: 'made',
    steps: [{ kind: 'make', source: '.', configure: [], targets: [], install: ['install'] }],
    exports: {
      cmake: [],
      pkgConfig: [],
      programs: [{ name: 'two', args: [], exit: 0 }],
      python: [],
    },
  })
  using first = await bench()
  using second = await bench({ jobs: 1 })

  const one = await make(first, asked, { folder: sources(first, files) })
  const two = await make(second, asked, { folder: sources(second, files) })

  expect(two.layer.digest).toBe(one.layer.digest)
  const tree = readTree(first.context.store, one.layer.digest)
  expect(tree?.entries.filter(({ type }) => type === 'file').map((entry) => entry.path)).toEqual([
    'usr/local/bin/two',
    'usr/local/lib/libone.a',
    'usr/local/lib/libone.so',
    'usr/local/share/licenses/made/COPYING',
  ])
})

const setuptools = await run(['/usr/bin/python3', '-c', 'import pip, setuptools, wheel'], {
  env: { PATH: path },
}).then(
  ({ exitCode }) => exitCode === 0,
  () => false,
)
const pythonTest = outside(setuptools ? ['namespaces'] : ['python3 with pip, setuptools and wheel'])

pythonTest('python: modules, programs and entry points, without byte code or notes', async () => {
  using place = await bench()
  const folder = sources(place, {
    'pyproject.toml': `[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "teller"
version = "1.0"
[project.scripts]
tell = "teller:main"
[tool.setuptools]
packages = ["teller"]
`,
    'teller/__init__.py': 'def main():\n    print("told")\n',
    LICENSE: 'free',
  })
  const asked = recipe({
    name: 'teller',
    steps: [{ kind: 'python', source: '.', settings: {} }],
    exports: {
      cmake: [],
      pkgConfig: [],
      programs: [{ name: 'tell', args: [], exit: 0 }],
      python: ['teller'],
    },
  })

  const built = await make(place, asked, { folder })

  const paths = readTree(place.context.store, built.layer.digest)?.entries.map((entry) => entry.path)
  expect(paths?.some((entry) => /\/site-packages\/teller\/__init__\.py$/.test(entry))).toBe(true)
  expect(paths).toContain('usr/local/bin/tell')
  expect(paths?.filter((entry) => /pyc|direct_url|REQUESTED/.test(entry))).toEqual([])
})
