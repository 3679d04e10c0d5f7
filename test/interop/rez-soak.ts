#!/usr/bin/env bun
/**
 * `bun test/interop/rez-soak.ts [--rounds 20] [--seed N] [--mangled 500]`: reads mangled
 * repositories, each round another one, the first with every hostile definition; the tests do the
 * same once and small.
 */
import { parseArgs } from 'node:util'
import { compareReaders } from '../../src/interop/mangled.fixture.ts'
import { readHostileRepository } from './rez-fuzz.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string' },
    mangled: { type: 'string', default: '500' },
  },
})
const first = Number(values.seed ?? Date.now() % 1_000_000)
const mangled = Number(values.mangled)
const note = (text: string): void => console.log(text)

for (let seed = first; seed < first + Number(values.rounds); seed += 1) {
  await compareReaders({ seed, files: mangled })
  await readHostileRepository({ seed, mangled, hostile: seed === first ? 'all' : 'none', note })
}
console.log('everything held')
