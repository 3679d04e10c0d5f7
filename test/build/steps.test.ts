import { expect, setDefaultTimeout } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '#kernel/index.ts'
import { linkView, readTree } from '#store/index.ts'
import { outside } from '../outside.ts'
import { type Bench, bench, cmakeStep, make, path, recipe } from './harness.ts'

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

const cmakeTest = outside(['g++', 'cmake', 'ninja', 'namespaces'])

const presets = {
  version: 3,
  configurePresets: [
    {
      name: 'studio',
      generator: 'Unix Makefiles',
      binaryDir: '${sourceDir}/elsewhere',
      cacheVariables: { CMAKE_BUILD_TYPE: 'MinSizeRel', SAYS: 'preset', KEPT: 'preset' },
    },
    { name: 'bare', binaryDir: '${sourceDir}/elsewhere' },
  ],
}
const componentLists = `cmake_minimum_required(VERSION 3.18)
project(parts LANGUAGES C)
file(WRITE \${CMAKE_BINARY_DIR}/said
  "\${CMAKE_GENERATOR}, \${CMAKE_BUILD_TYPE}, \${SAYS}, \${KEPT}, \${CMAKE_INSTALL_PREFIX}\n")
install(FILES \${CMAKE_BINARY_DIR}/said DESTINATION share COMPONENT Runtime)
install(FILES CMakeLists.txt DESTINATION share/lists COMPONENT Development)
install(FILES LICENSE DESTINATION share/all)
`

/** What a cmake step with these members makes of the project above. */
async function parts(
  place: Bench,
  members: Readonly<Record<string, unknown>>,
): Promise<{ readonly paths: readonly string[]; readonly said: string }> {
  const folder = sources(place, {
    'CMakeLists.txt': componentLists,
    'CMakePresets.json': JSON.stringify(presets),
    LICENSE: 'free',
  })
  const step = { ...cmakeStep, definitions: { SAYS: 'step' }, ...members }
  const built = await make(place, recipe({ name: 'parts', steps: [step] }), { folder })
  const entries = readTree(place.context.store, built.layer.digest)?.entries ?? []
  const paths = entries.flatMap(({ type, path: at }) =>
    type === 'file' ? at.replace('usr/local/share/', '') : [],
  )
  const view = await linkView(place.context.store, [built.layer.digest])
  const said = paths.includes('said')
    ? readFileSync(join(view.path, 'usr/local/share/said'), 'utf8').trim()
    : ''
  return { paths: paths.filter((at) => !at.startsWith('licenses/')), said }
}

cmakeTest('cmake: a preset holds but for its folders and what the step defines', async () => {
  using place = await bench()

  expect((await parts(place, { preset: 'studio' })).said).toBe(
    'Unix Makefiles, MinSizeRel, step, preset, /usr/local',
  )
  expect((await parts(place, { preset: 'bare' })).said).toBe('Ninja, Release, step, , /usr/local')
  expect((await parts(place, { preset: 'studio', generator: 'Ninja' })).said).toStartWith('Ninja,')
  expect((await parts(place, {})).said).toBe('Ninja, Release, step, , /usr/local')
  await expect(parts(place, { preset: 'other' })).rejects.toMatchObject({
    code: 'build/failed',
    message: expect.stringContaining('No such preset'),
  })
})

cmakeTest('cmake: components are installed alone, and one without files is told', async () => {
  using place = await bench()

  expect((await parts(place, {})).paths).toEqual(['all/LICENSE', 'lists/CMakeLists.txt', 'said'])
  expect((await parts(place, { components: ['Runtime'] })).paths).toEqual(['said'])
  expect((await parts(place, { components: ['Development', 'Unspecified'] })).paths).toEqual([
    'all/LICENSE',
    'lists/CMakeLists.txt',
  ])
  await expect(parts(place, { components: ['Runtime', 'Developmint'] })).rejects.toMatchObject({
    code: 'build/failed',
    message: expect.stringContaining("nothing for the component 'Developmint'"),
  })
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
    await expect(refused).rejects.toMatchObject({ code: 'build/source-mismatch' })
    const built = await make(online, distribution(sha256))

    expect(built.config.sources).toEqual([{ kind: 'pypi', url: 'pkg:pypi/teller@1.0', sha256 }])
  },
)
