import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalogOf, recipeEntries, type Resolution, resolve } from '#catalog/index.ts'
import { digestOf } from '#kernel/index.ts'
import {
  contains,
  findPlatform,
  parseProject,
  parseRequirement,
  parseVersion,
} from '#model/index.ts'
import { aswfFiles, aswfYears } from '../../tools/aswf/recipes.ts'

const folder = join(import.meta.dir, '../../examples/aswf')
const files = new Map(
  readdirSync(join(folder, 'recipes')).map((name) => {
    const path = `recipes/${name}/backlot.yaml`
    return [path, readFileSync(join(folder, path), 'utf8')] as const
  }),
)
const entries = [...files].flatMap(([path, text]) => {
  const { package: recipe } = parseProject(text, path)
  return recipe === undefined ? [] : recipeEntries(recipe, { digest: digestOf(text), folder })
})
const catalog = catalogOf(entries)

function solved(year: string, requirements: readonly string[]): Resolution {
  return resolve(catalog, {
    requirements: requirements.map((text) => parseRequirement(text)),
    platform: findPlatform(`CY${year}`),
    host: [],
    target: 'linux-x86_64',
  })
}

function versionsOf(answer: Resolution): Readonly<Record<string, string>> {
  if (answer.kind !== 'solved') throw new TypeError(JSON.stringify(answer))
  return Object.fromEntries(answer.packages.map((one) => [one.name, one.version]))
}

test('the example is what the tool makes of the data', () => {
  const made = aswfFiles()
  const project = readFileSync(join(folder, 'backlot.yaml'), 'utf8')

  expect(Object.fromEntries([...files, ['backlot.yaml', project]])).toEqual(
    Object.fromEntries(made),
  )
})

for (const year of aswfYears)
  test(`CY${year}: every package solves, and keeps to what the platform says`, () => {
    const { components } = findPlatform(`CY${year}`)
    const strays: string[] = []
    for (const name of catalog.names())
      for (const [found, version] of Object.entries(versionsOf(solved(year, [name])))) {
        const range = components.get(found)
        if (range !== undefined && !contains(range, parseVersion(version)))
          strays.push(`${name}: ${found} ${version}`)
      }

    expect(strays).toEqual([])
    expect([...catalog.names()].length).toBeGreaterThan(115)
  })

test('each year, all projects go together in one environment', () => {
  const text = readFileSync(join(folder, 'backlot.yaml'), 'utf8')
  const { environments } = parseProject(text, 'backlot.yaml')
  const answers = Object.entries(environments).map(([name, { packages }]) => {
    const year = name.slice(2)
    const versions = versionsOf(
      solved(
        year,
        packages.map((one) => one.text),
      ),
    )
    return [name, versions['openexr'], versions['imath'], versions['cpython'], versions['clang']]
  })

  expect(answers).toEqual([
    ['cy2022', '3.1.13', '3.1.12', '3.9.15', '22.1.7'],
    ['cy2023', '3.1.13', '3.1.12', '3.10.20', '22.1.7'],
    ['cy2024', '3.2.9', '3.1.12', '3.11.13', '22.1.7'],
    ['cy2025', '3.3.11', '3.1.12', '3.11.13', '22.1.7'],
    // PySide 6.8 holds LLVM back.
    ['cy2026', '3.4.13', '3.2.2', '3.13.3', '21.1.8'],
  ])
})

const incompatible: readonly (readonly [year: string, request: readonly string[]])[] = [
  ['2026', ['osl[cuda=13]', 'pyside']],
  ['2024', ['openvdb[ax=true] <12.1', 'clang >=16']],
  ['2024', ['openvdb[python=true]', 'clang 17']],
  ['2024', ['openusd 24.08', 'materialx <1.39.1']],
  ['2024', ['ceres-solver', 'eigen >=5']],
  ['2024', ['openexr', 'cpython 3.12']],
  ['2023', ['osl 1.15', 'openimageio 2.4']],
]

test.each(incompatible)('CY%s: %p do not go together', (year, request) => {
  expect(solved(year, request).kind).toBe('unsolvable')
})

test('names of the field are met by what the images have', () => {
  const asked = ['python 3.11', 'tbb', 'jpeg >=62', 'openvdb', 'openimageio']

  expect(versionsOf(solved('2024', asked))).toMatchObject({
    cpython: '3.11.13',
    onetbb: '2020.3',
    'libjpeg-turbo': '3.1.0',
  })
})
