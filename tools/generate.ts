/**
 * Writes the references that are made from code, or with `--check` says which are not current:
 * docs/errors.md, docs/cli.md, docs/formats/{backlot,registry}.schema.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cliReference } from '#cli/index.ts'
import { errorCatalogue, readIfPresent } from '#kernel/index.ts'
import { jsonSchema, registryJsonSchema } from '#model/index.ts'
import { errorReference } from './generate/errors.ts'

const root = join(import.meta.dir, '..')

const files: Readonly<Record<string, () => string>> = {
  'docs/cli.md': cliReference,
  'docs/errors.md': () => errorReference(errorCatalogue),
  'docs/formats/backlot.schema.json': () => `${JSON.stringify(jsonSchema(), null, 2)}\n`,
  'docs/formats/registry.schema.json': () => `${JSON.stringify(registryJsonSchema(), null, 2)}\n`,
}

const onlyCheck = process.argv.includes('--check')
for (const [path, generate] of Object.entries(files)) {
  const wanted = generate()
  const present = readIfPresent(join(root, path))
  if (present !== undefined && new TextDecoder().decode(present) === wanted) continue
  if (onlyCheck) {
    console.error(`${path} is not current`)
    process.exitCode = 1
  } else {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), wanted)
    console.log(`wrote ${path}`)
  }
}
