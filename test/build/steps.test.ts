import { expect, setDefaultTimeout } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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

const pip = await run(['/usr/bin/python3', '-m', 'pip', '--version'], { env: { PATH: path } }).then(
  ({ exitCode }) => exitCode === 0,
  () => false,
)
const pythonTest = outside(pip ? ['g++', 'namespaces'] : ['python3-pip'])

/** A build backend in the sources themselves, so that the test needs no other one (PEP 517). */
const backend = `import os, zipfile
def build_wheel(folder, settings=None, metadata=None):
    name = "teller-1.0-py3-none-any.whl"
    info = "teller-1.0.dist-info/"
    files = {
        "teller/__init__.py": "def main():\\n    print('told')\\n",
        info + "METADATA": "Metadata-Version: 2.1\\nName: teller\\nVersion: 1.0\\n",
        info + "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        info + "entry_points.txt": "[console_scripts]\\ntell = teller:main\\n",
    }
    files[info + "RECORD"] = "".join(f"{each},,\\n" for each in files)
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for each, text in files.items():
            wheel.writestr(each, text)
    return name
`

pythonTest('python: modules, programs and entry points, without byte code or notes', async () => {
  using place = await bench()
  const folder = sources(place, {
    'pyproject.toml': `[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
`,
    'backend.py': backend,
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

  const paths = readTree(place.context.store, built.layer.digest)?.entries.map(
    (entry) => entry.path,
  )
  expect(paths?.some((entry) => entry.endsWith('/site-packages/teller/__init__.py'))).toBe(true)
  expect(paths).toContain('usr/local/bin/tell')
  expect(paths?.filter((entry) => /pyc|direct_url|REQUESTED/.test(entry))).toEqual([])
})

pythonTest(
  'a source distribution comes through pip, checked before any of its code runs',
  async () => {
    using place = await bench()
    const links = join(place.home, '..', 'links')
    const folder = sources(place, {
      'teller-1.0/pyproject.toml':
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
      'teller-1.0/backend.py': backend,
      'teller-1.0/PKG-INFO': 'Metadata-Version: 2.1\nName: teller\nVersion: 1.0\n',
      'teller-1.0/LICENSE': 'free',
    })
    mkdirSync(links)
    const archive = join(links, 'teller-1.0.tar.gz')
    await run(['tar', '-czf', archive, 'teller-1.0'], { cwd: folder, env: { PATH: path } })
    const sha256 = new Bun.CryptoHasher('sha256').update(readFileSync(archive)).digest('hex')
    const env = { PATH: path, PIP_NO_INDEX: '1', PIP_FIND_LINKS: links }
    const distribution = (hash: string) =>
      recipe({
        name: 'teller',
        sources: [{ kind: 'pypi', pypi: 'teller', version: '1.0', sha256: hash, strip: 1 }],
        steps: [{ kind: 'python', source: '.', settings: {} }],
      })
    const online = { ...place, context: { ...place.context, env } }

    const refused = make(online, distribution('0'.repeat(64)))
    await expect(refused).rejects.toMatchObject({ code: 'build/source-missing' })
    const built = await make(online, distribution(sha256))

    expect(built.config.sources).toEqual([{ kind: 'pypi', url: 'pkg:pypi/teller@1.0', sha256 }])
  },
)
