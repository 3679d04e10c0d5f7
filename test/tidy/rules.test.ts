import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { tidy } from '../../tools/tidy/index.ts'

const header = '/** A planted module that owns nothing. */\n'

/** The rules broken by files planted in an otherwise clean repository. */
function planted(files: Record<string, string>): string[] {
  using folder = temporaryFolder()
  const all = {
    'package.json': '{ "dependencies": { "zod": "1", "yaml": "1" } }',
    'src/kernel/index.ts': `${header}export const zero = 0\n`,
    'src/kernel/inner.ts': `${header}export const one = 1\n`,
    'src/kernel/index.test.ts': "import './index.ts'\n",
    'src/store/index.ts': `${header}export type Blob = string\n`,
    'src/store/index.test.ts': "import './index.ts'\n",
    'src/solver/index.ts': `${header}export const solve = 1\n`,
    'src/solver/index.test.ts': "import './index.ts'\n",
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder.path, path)), { recursive: true })
    writeFileSync(join(folder.path, path), text)
  }
  return tidy(folder.path).map(({ rule, path, line }) => `${path}:${line} ${rule}`)
}

test('a clean repository has no findings', () => {
  expect(planted({})).toEqual([])
})

describe('floors', () => {
  const ways: readonly (readonly [way: string, code: string])[] = [
    ['an import', "import { solve } from '#store/index.ts'\n"],
    ['a type-only import', "import type { Blob } from '#store/index.ts'\n"],
    ['an inline type import', "import { type Blob } from '#store/index.ts'\n"],
    ['an import for its effect', "import '#store/index.ts'\n"],
    ['a re-export', "export { solve } from '#store/index.ts'\n"],
    ['a type-only re-export', "export type * from '#store/index.ts'\n"],
    ['a dynamic import', "export const later = () => import('#store/index.ts')\n"],
    ['an import in a type', "export type B = import('#store/index.ts').Blob\n"],
    ['an import by require', "import store = require('#store/index.ts')\nexport const s = store\n"],
  ]
  const otherWays: readonly (readonly [way: string, code: string])[] = [
    ['import.meta.require', "export const s = import.meta.require('#store/index.ts')\n"],
    ['module.require', "export const s = module.require('#store/index.ts')\n"],
    ['a reference', '/// <reference path="../store/index.ts" />\n'],
    ['a worker by name', "export const w = new Worker('../store/index.ts')\n"],
    ['a worker by URL', "export const w = new URL('../store/index.ts?x', import.meta.url)\n"],
    ['a name that is computed', "export const s = import('#sto' + 're/index.ts')\n"],
    ['require by another name', 'const load = require\n'],
    ['require as any', "export const s = (require as any)('#store/index.ts')\n"],
    ['a require that is made', "import { createRequire } from 'node:module'\n"],
  ]
  test.each(otherWays)('%s is an import as well', (_, code) => {
    expect(planted({ 'src/kernel/planted.ts': `${header}${code}` })).not.toEqual([])
  })

  test.each([
    'planted.tsx',
    'planted.mts',
    'planted.cts',
    'planted.js',
    'planted.cjs',
    'planted.d.ts',
    'planted.generated.ts',
    'planted.test.ts',
    'tmp/planted.ts',
    'dist/planted.ts',
  ])('%s is a file of its room', (name) => {
    const path = `src/kernel/${name}`
    const text = `${header}require('#store/index.ts')\n`
    expect(planted({ [path]: text })).toContain(`${path}:2 floor`)
  })

  test('a parameter may have the name of a loader', () => {
    const text = `${header}export const f = ({ require }: { require: string }) => ({ require })\n`
    expect(planted({ 'src/kernel/planted.ts': text })).toEqual([])
  })

  test.each(ways)('%s goes down, never up or sideways', (_, code) => {
    const text = `${header}${code}`
    expect(planted({ 'src/kernel/planted.ts': text })).toEqual(['src/kernel/planted.ts:2 floor'])
    expect(planted({ 'src/solver/planted.ts': text })).toEqual(['src/solver/planted.ts:2 floor'])
    expect(planted({ 'src/env/index.ts': text, 'src/env/index.test.ts': '' })).toEqual([])
  })

  test('the command line sees use cases, not drivers', () => {
    const text = `${header}import '#store/index.ts'\nimport '#kernel/index.ts'\n`
    expect(planted({ 'src/cli/index.ts': text, 'src/cli/index.test.ts': '' })).toEqual([
      'src/cli/index.ts:2 floor',
    ])
  })

  test('what ships imports neither tests nor tools nor undeclared packages', () => {
    const code = [
      "import '../../tools/build.ts'",
      "import './index.test.ts'",
      "import 'bun:test'",
      "import 'zod'",
      "import 'node:fs'",
      "import 'yaml'",
      "import 'left-pad'",
    ].join('\n')
    expect(planted({ 'src/store/planted.ts': `${header}${code}\n` })).toEqual([
      'src/store/planted.ts:2 floor',
      'src/store/planted.ts:3 import',
      'src/store/planted.ts:4 import',
      'src/store/planted.ts:7 import',
      'src/store/planted.ts:8 import',
    ])
  })

  test('a folder that is no room is named', () => {
    expect(planted({ 'src/misfit/index.ts': header, 'src/misfit/index.test.ts': '' })).toEqual([
      'src/misfit/index.test.ts:1 room',
      'src/misfit/index.ts:1 room',
    ])
  })
})

describe('doors', () => {
  test.each(['#kernel/inner.ts', '../kernel/inner.ts', '../kernel/index.ts'])(
    '%s reaches past the door',
    (specifier) => {
      const text = `${header}import type { one } from '${specifier}'\nexport type A = typeof one\n`
      expect(planted({ 'src/store/planted.ts': text })).toEqual(['src/store/planted.ts:2 door'])
    },
  )

  test('tests and tools use the door as well', () => {
    expect(planted({ 'test/planted.test.ts': "import '#kernel/inner.ts'\n" })).toEqual([
      'test/planted.test.ts:1 door',
    ])
  })

  test('a driver may borrow the contract suite of another room', () => {
    const files = {
      'src/store/blobs.contract.ts': 'export const contract = 1\n',
      'src/oci/index.ts': header,
      'src/oci/index.test.ts': "import '#store/blobs.contract.ts'\n",
    }
    expect(planted(files)).toEqual([])
  })

  test('a room does not go through its own door', () => {
    const text = `${header}import '#store/index.ts'\n`
    expect(planted({ 'src/store/planted.ts': text })).toEqual(['src/store/planted.ts:2 door'])
  })
})

test('files do not import each other in a circle, types included', () => {
  expect(
    planted({
      'src/store/a.ts': `${header}import type { B } from './b.ts'\nexport type A = B[]\n`,
      'src/store/b.ts': `${header}import type { A } from './a.ts'\nexport type B = A[]\n`,
    }),
  ).toEqual(['src/store/a.ts:1 cycle'])
})

describe('shape', () => {
  const path = 'src/store/planted.ts'
  const unfinished = ['TO', 'DO'].join('')
  const history = ['issue', '#12'].join(' ')
  const host = ['pypi', 'org'].join('.')
  const machine = ['', 'work', 'main'].join('/')
  const cases: readonly (readonly [string, string, string])[] = [
    ['a missing header', 'export const a = 1\n', '1 header'],
    ['an empty header', '/** x */\nexport const a = 1\n', '1 header'],
    ['a default export', `${header}export default 1\n`, '2 export'],
    ['an enum', `${header}export enum Colour {\n  red,\n}\n`, '2 enum'],
    ['a long line', `${header}export const a = b(${'c, '.repeat(40)})\n`, '2 width'],
    ['a long file', `${header}${'//\n'.repeat(500)}`, '1 length'],
    ['a long function', `${header}export function f() {\n${'  g()\n'.repeat(70)}}\n`, '2 length'],
    ['a class that is a bag', `${header}export class Bag {\n  size = 0\n}\n`, '2 class'],
    ['process.env', `${header}export const a = process.env['HOME']\n`, '2 environment'],
    ["process['env']", `${header}export const a = process['env']\n`, '2 environment'],
    ['Bun.env', `${header}export const a = Bun.env\n`, '2 environment'],
    ['env taken apart', `${header}export const { env } = process\n`, '2 environment'],
    ['env imported', `${header}import { env } from 'node:process'\n`, '2 environment'],
    ['process by default', `${header}import p from 'node:process'\n`, '2 environment'],
    ['env passed on', `${header}export { env } from 'node:process'\n`, '2 environment'],
    ['a syntax error', `${header}export const = 1\n`, '1 syntax'],
    ['unfinished work', `${header}// ${unfinished}: the rest\n`, '2 unfinished'],
    ['history', `${header}// Asked for in ${history}.\n`, '2 history'],
    ['a host', `${header}export const a = 'https://${host}'\n`, '2 host'],
    ['a path of a machine', `${header}export const a = '${machine}'\n`, '2 machine'],
  ]
  test.each(cases)('%s is found', (_, text, finding) => {
    expect(planted({ [path]: text })).toContain(`${path}:${finding}`)
  })

  test('errors, resources and single long strings are fine', () => {
    const text = [
      "import { hrtime } from 'node:process'",
      'export class Failed extends Error {}',
      'export class Handle {',
      '  [Symbol.dispose]() {}',
      '}',
      `export const a = {`,
      `  text: '${'long '.repeat(30)}',`,
      '}',
      'export const b = `',
      `a table, ${'say '.repeat(30)}`,
      '`',
    ].join('\n')
    expect(planted({ [path]: `${header}${text}\n` })).toEqual([])
  })

  test('names are kebab-case and say what a file does', () => {
    const files = { 'src/store/fileStore.ts': header, 'src/store/utils.ts': header }
    expect(planted(files)).toEqual(['src/store/fileStore.ts:1 name', 'src/store/utils.ts:1 name'])
  })

  test('tests may not be left out, and a room has one', () => {
    const text = ['test.only', 'describe.skip', 'test.todo', 'it.skipIf(true)']
      .map((call) => `${call}('x', () => {})\n`)
      .join('')
    expect(planted({ 'src/env/index.ts': header, 'src/store/index.test.ts': text })).toEqual([
      'src/env/index.ts:1 test',
      'src/store/index.test.ts:1 skip',
      'src/store/index.test.ts:2 skip',
      'src/store/index.test.ts:3 skip',
      'src/store/index.test.ts:4 skip',
    ])
  })
})
