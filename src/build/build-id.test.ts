import { expect, test } from 'bun:test'
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { digestOf, temporaryFolder, walk } from '#kernel/index.ts'
import { parseVersion, type RecipeVersion } from '#model/index.ts'
import { buildIdOf } from './build-id.ts'
import { copyFolder } from './fetch-other.ts'
import type { BuildRequest } from './request.ts'
import type { Toolchain } from './toolchain.ts'
import { treeDigest } from './tree-digest.ts'

const toolchain: Toolchain = {
  compiler: 'gcc',
  version: '12.2.0',
  cc: 'gcc',
  cxx: 'g++',
  cmake: '3.25.1',
  ninja: '1.11.1',
  python: '3.11.2',
}
const recipe: RecipeVersion = {
  name: 'x',
  version: parseVersion('1.0'),
  summary: '',
  license: 'MIT',
  target: 'linux-x86_64',
  options: { python: false },
  sources: [{ kind: 'url', url: 'https://a.example/x.tgz', sha256: 'a'.repeat(64), strip: 1 }],
  patches: [],
  provides: [],
  requires: [],
  runRequires: [],
  buildRequires: [],
  steps: [{ kind: 'cmake', source: '.', definitions: {}, targets: [] }],
  environment: {},
  exports: { cmake: [], pkgConfig: [], programs: [], python: [] },
  tests: [],
  digest: digestOf('recipe'),
}
const request: BuildRequest = { recipe, folder: '/nowhere', dependencies: [], system: [] }

function id(
  changed: Partial<BuildRequest> = {},
  context: { toolchain?: Partial<Toolchain>; sandbox?: 'none'; home?: string } = {},
): string {
  return buildIdOf(
    { ...request, ...changed },
    {
      home: context.home ?? '/nowhere',
      sandbox: context.sandbox ?? 'bubblewrap',
      toolchain: { ...toolchain, ...context.toolchain },
    },
  )
}

test('the id is the same for the same input and has 64 digits', () => {
  expect(id()).toMatch(/^[0-9a-f]{64}$/)
  expect(id()).toBe(id({}, { home: '/elsewhere' }))
})

const other = (changed: Partial<RecipeVersion>) => ({ recipe: { ...recipe, ...changed } })
const covered: readonly (readonly [what: string, changed: string])[] = [
  ['the recipe', id(other({ digest: digestOf('another recipe') }))],
  ['the version', id(other({ version: parseVersion('1.1') }))],
  ['an option', id(other({ options: { python: true } }))],
  ['the target', id(other({ target: 'linux-aarch64' }))],
  [
    'a source',
    id(other({ sources: [{ kind: 'url', url: 'x', sha256: 'b'.repeat(64), strip: 1 }] })),
  ],
  ['the platform', id({ platform: 'CY2023' })],
  ['a system package', id({ system: [{ name: 'zlib', range: '*', version: '1.2.13' }] })],
  ['the compiler', id({}, { toolchain: { version: '11.4.0' } })],
  ['the C++ ABI', id({}, { toolchain: { cxx11Abi: 0 } })],
  ['cmake, where it is used', id({}, { toolchain: { cmake: '3.30.0' } })],
  ['the lack of a sandbox', id({}, { sandbox: 'none' })],
]
test.each(covered)('%s changes the id', (_, changed) => {
  expect(changed).not.toBe(id())
})

test('where a source is downloaded from, and tools that are not used, do not change the id', () => {
  const elsewhere = {
    kind: 'url',
    url: 'https://b.example',
    sha256: 'a'.repeat(64),
    strip: 1,
  } as const
  expect(id(other({ sources: [elsewhere] }))).toBe(id())
  expect(id({}, { toolchain: { python: '3.12.0', ninja: '1.12.0' } })).toBe(id())
})

test('the bytes of patches and folders are covered', () => {
  using folder = temporaryFolder()
  mkdirSync(join(folder.path, 'src'))
  const file = join(folder.path, 'src', 'a.c')
  const asked = {
    folder: folder.path,
    ...other({
      sources: [{ kind: 'path', path: 'src', strip: 0 }],
      patches: [{ path: 'a.patch', strip: 1 }],
    }),
  }
  const now = () => id(asked, { home: folder.path })
  writeFileSync(file, 'one')
  writeFileSync(join(folder.path, 'a.patch'), 'one')
  const before = now()
  writeFileSync(join(folder.path, 'a.patch'), 'two')
  const patched = now()
  writeFileSync(file, 'two')

  expect(patched).not.toBe(before)
  expect(now()).not.toBe(patched)
  expect(() => id({ ...asked, folder: '/nowhere' })).toThrow('does not exist')
})

test('a folder whose files did not change is not read again; one that did is, always', () => {
  using folder = temporaryFolder()
  const tree = join(folder.path, 'tree')
  const cache = join(folder.path, 'cache')
  mkdirSync(tree)
  const file = join(tree, 'a')
  writeFileSync(file, 'one')
  const { mtime } = statSync(file)
  const first = treeDigest(tree, cache)

  // Same size, same modification time, written at once: only the change time tells.
  writeFileSync(file, 'two')
  utimesSync(file, mtime, mtime)

  expect(treeDigest(tree, cache)).not.toBe(first)
  writeFileSync(file, 'one')
  expect(treeDigest(tree, cache)).toBe(first)
})

test('a lockfile, version control and the home of Backlot are no part of a source', () => {
  using folder = temporaryFolder()
  const home = join(folder.path, 'deep', '.backlot')
  mkdirSync(home, { recursive: true })
  writeFileSync(join(folder.path, 'a.c'), 'a')
  const first = treeDigest(folder.path, home)

  writeFileSync(join(folder.path, 'backlot.lock'), '{}')
  mkdirSync(join(folder.path, '.git'))
  writeFileSync(join(folder.path, '.git', 'HEAD'), 'ref')
  writeFileSync(join(home, 'index.json'), '{}')

  expect(treeDigest(folder.path, home)).toBe(first)
  using to = temporaryFolder()
  copyFolder(folder.path, { to: to.path, home })
  const copied = [...walk(to.path)].map(({ path }) => relative(to.path, path))
  expect(new Set(copied)).toEqual(new Set(['a.c', 'deep']))
})

test('sources are read where nothing is remembered; what is no file is refused', () => {
  using folder = temporaryFolder()
  const tree = join(folder.path, 'tree')
  mkdirSync(tree)
  writeFileSync(join(tree, 'a'), 'a')
  writeFileSync(join(folder.path, 'cache'), 'no folder')
  const digest = treeDigest(tree, join(folder.path, 'cache'))
  expect(treeDigest(tree, join(folder.path, 'elsewhere'))).toBe(digest)

  expect(Bun.spawnSync(['mkfifo', join(tree, 'pipe')]).exitCode).toBe(0)
  expect(() => treeDigest(tree, join(folder.path, 'elsewhere'))).toThrow(
    'tree/pipe cannot be a source: it is a pipe, a socket or a device',
  )
})
