/**
 * The recipes that a project can build from: its own, those of its folders, and those shipped.
 *
 * Invariant: a recipe is taken apart when it is first asked for, and then the same as its file says
 * now; what is remembered of a file counts only while the file is the one that it was.
 * A folder's recipes are remembered as a shelf in the store's cache; a missing, damaged or outdated
 * one costs time and nothing else.
 */
import { readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { byProvided, readShelf, type Section, writeShelf } from '#catalog/index.ts'
import { AppError, type Digest, digestOf, systemCode } from '#kernel/index.ts'
import { parseProject, type Recipe } from '#model/index.ts'
import type { AppContext } from './context.ts'
import { type OpenProject, projectFile } from './project.ts'
import { readTextFile } from './text-file.ts'

/** A recipe and where it came from. */
export interface KnownRecipe {
  readonly recipe: Recipe
  readonly folder: string
  /** Of what the file says. */
  readonly digest: Digest
  /** Shipped recipes are not the project's: builds made from older ones stay good. */
  readonly shipped: boolean
}

/** Recipes by the name of their package. */
export interface RecipeBook {
  get(name: string): KnownRecipe | undefined
  /** In order. */
  names(): readonly string[]
  /** Packages of which the recipe answers to a name that is not theirs. */
  providers(name: string): readonly string[]
}

/** A recipe that was not taken apart yet. */
interface Leaf {
  readonly provides: readonly string[]
  read(): KnownRecipe
}

/** @throws AppError `cli/no-project` for a missing folder of recipes, `model/bad-file` */
export function openRecipes(at: OpenProject, context: AppContext): RecipeBook {
  const leaves = new Map<string, Leaf>()
  for (const [name, text] of context.shippedRecipes) leaves.set(name, shippedLeaf(name, text, at))
  for (const folder of at.project.recipes)
    for (const [name, leaf] of leavesIn(resolve(at.folder, folder), context)) leaves.set(name, leaf)
  const { package: own, digest } = at.project
  if (own !== undefined) {
    const known = { recipe: own, digest, folder: at.folder, shipped: false }
    leaves.set(own.name, { provides: namesIn(own), read: () => known })
  }
  return bookOf(leaves)
}

function bookOf(leaves: ReadonlyMap<string, Leaf>): RecipeBook {
  const read = new Map<string, KnownRecipe>()
  return {
    names: () => [...leaves.keys()].sort(),
    providers: byProvided([...leaves].map(([name, { provides }]) => [name, provides])),
    get: (name) => {
      const known = read.get(name) ?? leaves.get(name)?.read()
      if (known !== undefined) read.set(name, known)
      return known
    },
  }
}

function shippedLeaf(name: string, text: string, at: OpenProject): Leaf {
  const read = (): KnownRecipe => {
    const { package: recipe, digest } = parseProject(text, `recipes/${name}/${projectFile}`)
    if (recipe === undefined) throw new TypeError(`The shipped recipe ${name} describes no package`)
    return { recipe, digest, folder: at.folder, shipped: true }
  }
  return { provides: /^\s+provides:/m.test(text) ? namesIn(read().recipe) : [], read }
}

function namesIn({ provides }: Recipe): readonly string[] {
  return [...new Set(provides.map(({ name }) => name))].sort()
}

/** What is remembered of one file. */
interface Remembered {
  readonly recipe: Recipe
  readonly digest: Digest
}

/** Of what a section holds; with the program's version, since that decides what a file means. */
const format = 1

/** Of two folders the later one counts; of two files in one folder nobody could tell which. */
function leavesIn(folder: string, context: AppContext): ReadonlyMap<string, Leaf> {
  const found = new Map<string, Leaf & { readonly path: string }>()
  for (const [file, section] of sectionsIn(folder, context)) {
    const [, name] = section.about
    if (name === undefined) continue
    const path = join(folder, file)
    const other = found.get(name)
    if (other !== undefined)
      throw new AppError('model/bad-file', `${other.path} and ${path} both describe '${name}'`, {
        hints: ['Give one of the packages another name, or put all versions into one file.'],
      })
    found.set(name, { path, ...leafOf(dirname(path), section) })
  }
  return found
}

/** What the folder's files say, by their names; from the shelf, which is brought up to date. */
function sectionsIn(folder: string, context: AppContext): ReadonlyMap<string, Section> {
  const files = recipeFiles(folder)
  const path = join(context.home, 'cache', 'recipes', shelfName(folder))
  const stamp = `${format} ${context.programVersion} ${folder}`
  const shelf = readShelf(path)
  const before = shelf?.stamp === stamp ? shelf.sections : new Map<string, Section>()
  const sections = new Map<string, Section>()
  let changed = before.size !== files.length
  for (const { file, seen } of files) {
    const known = before.get(file)
    if (known?.about[0] === seen) sections.set(file, known)
    else {
      changed = true
      sections.set(file, sectionFor(join(folder, file), seen))
    }
  }
  if (changed) writeShelf(path, { stamp, sections })
  return sections
}

/** About a section: what its file looked like, the package (if it describes one), what it provides. */
function sectionFor(path: string, seen: string): Section {
  const text = readTextFile(path, 'project') ?? ''
  const { package: recipe, digest } = parseProject(text, path)
  if (recipe === undefined) return { about: [seen], bytes: new Uint8Array() }
  const remembered: Remembered = { recipe, digest }
  return {
    about: [seen, recipe.name, ...namesIn(recipe)],
    bytes: new TextEncoder().encode(JSON.stringify(remembered)),
  }
}

function leafOf(folder: string, { about, bytes }: Section): Leaf {
  const [, , ...provides] = about
  const read = (): KnownRecipe => {
    // The shelf has a checksum, and only this program, in this version, writes it.
    const remembered: Remembered = JSON.parse(new TextDecoder().decode(bytes))
    return { ...remembered, folder, shipped: false }
  }
  return { provides, read }
}

/**
 * Every NAME/backlot.yaml of a folder, in order, and what tells this file from a later one. A link
 * that leads nowhere is no recipe; one that leads to itself is read, which tells so.
 */
function recipeFiles(folder: string): readonly { readonly file: string; readonly seen: string }[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new AppError('cli/no-project', `There is no folder of recipes ${folder}`, {
      hints: ['`recipes:` in backlot.yaml lists folders that hold NAME/backlot.yaml.'],
    })
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const file = join(name, projectFile)
      const seen = lookOf(join(folder, file))
      return seen === undefined ? [] : [{ file, seen }]
    })
}

function lookOf(path: string): string | undefined {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '') ? undefined : ''
  }
}

/** The name of the file that remembers what is at a place. */
export function shelfName(place: string): string {
  return `${digestOf(place).slice('sha256:'.length, 'sha256:'.length + 16)}.shelf`
}
