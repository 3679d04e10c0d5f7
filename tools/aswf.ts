/**
 * Writes examples/aswf: recipes of every package of the ASWF images, as far as solving needs them,
 * and an environment for each year; with `--check` says whether what is there is current.
 *
 * Not here: what the recipes say (`aswf/recipes.ts`).
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readIfPresent } from '#kernel/index.ts'
import { aswfFiles } from './aswf/recipes.ts'

const folder = join(import.meta.dir, '../examples/aswf')
const wanted = aswfFiles()

const stale = [...wanted].filter(([path, text]) => {
  const present = readIfPresent(join(folder, path))
  return present === undefined || new TextDecoder().decode(present) !== text
})
const there = readdirSync(join(folder, 'recipes'))
const strays = there.filter((name) => !wanted.has(`recipes/${name}/backlot.yaml`))

for (const name of strays) console.error(`examples/aswf/recipes/${name} is of no package`)
for (const [path, text] of stale) {
  if (process.argv.includes('--check')) console.error(`examples/aswf/${path} is not current`)
  else {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}
if (strays.length > 0 || (process.argv.includes('--check') && stale.length > 0))
  process.exitCode = 1
