import { afterAll, expect, setDefaultTimeout, test as always } from 'bun:test'
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchFile } from '#build/index.ts'
import { AppError, temporaryFolder } from '#kernel/index.ts'
import { hostTarget, parseProject, type Recipe, recipeAt } from '#model/index.ts'
import { outside } from '../outside.ts'
import { bench, fixtures, greeting, make } from './harness.ts'

setDefaultTimeout(600_000)
const shipped = join(import.meta.dir, '..', '..', 'recipes')
const names = readdirSync(shipped).sort()

function recipeIn(folder: string): Recipe {
  const file = join(folder, 'backlot.yaml')
  const { package: recipe } = parseProject(readFileSync(file, 'utf8'), file)
  if (recipe === undefined) throw new TypeError(`${file} has no package`)
  return recipe
}

function newest(folder: string) {
  const recipe = recipeIn(folder)
  const [entry] = recipe.versions
  if (entry === undefined) throw new TypeError(`${folder} has no version`)
  return recipeAt(recipe, entry.version, {}, hostTarget())
}

always.each(names)('the recipe of %s is whole, and lies where its name says', (name) => {
  const recipe = recipeIn(join(shipped, name))

  expect(recipe.name).toBe(name)
  expect(recipe.license).not.toBe('')
  if (recipe.kind === 'system') {
    expect(recipe.system?.detect.length).toBeGreaterThan(0)
    return
  }
  const version = newest(join(shipped, name))
  expect(version.steps.length).toBeGreaterThan(0)
  const { pkgConfig, cmake, python } = version.exports
  expect(pkgConfig.length + cmake.length + python.length).toBeGreaterThan(0)
})

always('the recipe of the fixture is the one that the other tests build', () => {
  const written = newest(join(fixtures, 'greeting'))

  expect(written.exports).toEqual(greeting.exports)
  expect(written.steps).toMatchObject([{ kind: 'cmake', source: '.' }])
})

/** The sources of libdeflate, when there is a mirror of Debian's sources. */
const sources = temporaryFolder()
afterAll(() => sources[Symbol.dispose]())
const [source] = newest(join(shipped, 'libdeflate')).sources
const hasMirror = await fetchLibdeflate()

async function fetchLibdeflate(): Promise<boolean> {
  using place = await bench({ mirrors: [{ kind: 'deb-src' }] })
  if (source?.kind !== 'url') return false
  try {
    const { path } = await fetchFile(place.context, source)
    copyFileSync(path, join(sources.path, 'libdeflate.tar.gz'))
    return true
  } catch (error) {
    if (error instanceof AppError) return false
    throw error
  }
}

const needed = ['gcc', 'make', 'pkg-config', 'namespaces']
const test = outside(hasMirror ? needed : [...needed, 'the sources of libdeflate'])

test('libdeflate, from its real sources, has the same layer in two places', async () => {
  const layers = await Promise.all(
    ['one', 'two'].map(async (name) => {
      using place = await bench({ mirrors: [{ kind: 'folder', path: sources.path }] })
      const home = join(place.home, name)
      mkdirSync(home, { recursive: true })
      const moved = { ...place, context: { ...place.context, home } }
      const folder = join(shipped, 'libdeflate')
      const built = await make(moved, newest(folder), { folder })
      expect(built.config.exports.programs).toMatchObject([{ name: 'libdeflate-gzip' }])
      return built.layer.digest
    }),
  )

  expect(new Set(layers).size).toBe(1)
})
