/**
 * A project with many recipes, of which a request reaches a few.
 *
 * Invariant: the same count gives the same files.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const versions = ['3.2.1', '3.1.0', '2.4.0', '2.0.0', '1.0.0']

/** Writes it into a new folder, which it gives back. */
export function projectOfMany(folder: string, count: number): string {
  const top = join(folder, `many-${count}`)
  for (let index = 0; index < count; index += 1) {
    const own = join(top, 'recipes', nameOf(index))
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'backlot.yaml'), recipe(index))
  }
  const asked = [count / 10, count / 12].map((index) => nameOf(Math.floor(index)))
  const text = `environment: { packages: [${asked.join(', ')}] }\nrecipes: [recipes]\n`
  writeFileSync(join(top, 'backlot.yaml'), text)
  return top
}

function nameOf(index: number): string {
  return `package-${index}`
}

/** Each needs three of the sixty before it. */
function recipe(index: number): string {
  const needed = [1, 7 + (index % 11), 29 + (index % 31)].map((step) => index - step)
  const requires = needed.filter((other) => other >= 0).map((other) => `    - ${nameOf(other)} >=1`)
  return [
    'package:',
    `  name: ${nameOf(index)}`,
    '  license: MIT',
    '  versions:',
    ...versions.map((version) => `    - { version: ${version}, source: { path: . } }`),
    ...(requires.length === 0 ? [] : ['  requires:', ...requires]),
    '  build: { steps: [{ cmake: { definitions: { BUILD_TESTING: "OFF" } } }] }',
    '  exports: { cmake: [{ package: P, targets: [P::P] }] }',
    '',
  ].join('\n')
}
