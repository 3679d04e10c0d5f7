/**
 * The JSON Schema of backlot.yaml, judged by a validator of others: what an editor would say of
 * files that Backlot takes, and of files that it refuses.
 */
import { expect } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runOrThrow } from '#kernel/index.ts'
import { jsonSchema, parseProject } from '#model/index.ts'
import { fullProject } from '../../src/model/project.fixture.ts'
import { base, meaningless, misshapen } from '../../src/model/refusals.fixture.ts'
import { outside } from '../outside.ts'
import { root } from './harness.ts'

const test = outside(['python3-jsonschema'])

const judge = `import json, sys
from jsonschema import Draft202012Validator
asked = json.load(sys.stdin)
Draft202012Validator.check_schema(asked["schema"])
validator = Draft202012Validator(asked["schema"])
def complaint(instance):
    error = next(validator.iter_errors(instance), None)
    return None if error is None else f"{error.json_path}: {error.message[:300]}"
json.dump([complaint(each) for each in asked["instances"]], sys.stdout)`

/** What the validator says of each text, read as an editor reads YAML: `3.1` is a number there. */
async function complaints(texts: readonly string[]): Promise<readonly (string | null)[]> {
  const instances = texts.map((text) => Bun.YAML.parse(text))
  const { stdout } = await runOrThrow(['/usr/bin/python3', '-c', judge], {
    env: {},
    stdin: Buffer.from(JSON.stringify({ schema: jsonSchema(), instances })),
  })
  const said: (string | null)[] = JSON.parse(stdout)
  return said
}

/** What is wrong with files that Backlot takes, by their names. */
async function wrong(files: ReadonlyMap<string, string>): Promise<readonly string[]> {
  for (const [name, text] of files) parseProject(text, name)
  const said = await complaints([...files.values()])
  return [...files.keys()].flatMap((name, at) => (said[at] === null ? [] : `${name} ${said[at]}`))
}

test('recipes and examples that come with Backlot are taken', async () => {
  const files = new Map<string, string>()
  for (const folder of ['recipes', 'examples', 'test/fixtures', 'test/faults/fixtures'])
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }))
      if (path.endsWith('backlot.yaml'))
        files.set(`${folder}/${path}`, readFileSync(join(root, folder, path), 'utf8'))
  expect(files.size).toBeGreaterThan(30)
  expect([...files.keys()]).toContain('examples/openexr/backlot.yaml')

  expect(await wrong(files)).toEqual([])
})

const topKeys = new Set(Object.keys(Object(jsonSchema()['properties'])))
const recipeHead = 'package:\n  name: x\n  license: MIT\n'
const needed = {
  versions: '  versions: [{ version: 1, source: { path: . } }]\n',
  build: '  build: { steps: [{ script: make }] }\n',
}

/** The file that a part of one stands in, for docs that show only that part. */
function wholeFile(part: string): string | undefined {
  const [key = ''] = /^[\w-]+(?=:)/m.exec(part) ?? []
  const indented = part.replaceAll(/^(?=.)/gm, '  ')
  if (topKeys.has(key)) return part
  if (key === 'when')
    return `${base}  options: { python: false }\n  requires:\n  - require: a\n  ${indented}`
  if (key === 'system') return `${recipeHead}  kind: system\n${indented}`
  if (!['versions', 'build', 'exports', 'options', 'requires', 'tests', 'provides'].includes(key))
    return undefined
  const rest = Object.entries(needed).flatMap(([name, text]) => (name === key ? [] : text))
  const options = key === 'options' ? '' : '  options: { python: false }\n'
  return recipeHead + rest.join('') + options + indented
}

test('what the docs show is taken', async () => {
  const files = new Map<string, string>()
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`)
  for (const page of ['README.md', ...pages])
    for (const [at, found] of readFileSync(join(root, page), 'utf8')
      .matchAll(/^```ya?ml\n(.*?)^```/gms)
      .toArray()
      .entries()) {
      const whole = wholeFile(found[1] ?? '')
      if (whole !== undefined) files.set(`${page} example ${at + 1}`, whole)
    }
  expect(files.size).toBeGreaterThan(5)

  expect(await wrong(files)).toEqual([])
})

test('every key is known, and what Backlot refuses by its shape is refused', async () => {
  expect(await wrong(new Map([['every key', fullProject]]))).toEqual([])

  const texts = misshapen.map(([text]) => text)
  const said = await complaints(texts)
  expect(texts.filter((_, at) => said[at] === null)).toEqual([])
  // The others are of the right shape; one that becomes a matter of shape belongs above.
  const others = await complaints(meaningless.map(([text]) => text))
  expect(others.filter((complaint) => complaint !== null)).toEqual([])
})
