import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const Lock = z.object({
  packages: z.record(
    z.string(),
    z.object({ optionalDependencies: z.record(z.string(), z.string()).default({}) }),
  ),
})

test('package-lock.json has every optional package, or `npm ci` refuses it', () => {
  const text = readFileSync(join(import.meta.dir, '../../package-lock.json'), 'utf8')
  const { packages } = Lock.parse(JSON.parse(text))
  const names = new Set(Object.keys(packages).map((key) => key.split('node_modules/').at(-1)))
  const missing = Object.values(packages)
    .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies))
    .filter((name) => !names.has(name))

  // After `npm install`, `node tools/bun.mjs tools/complete-lock.ts` adds what npm left out.
  expect(missing).toEqual([])
})
