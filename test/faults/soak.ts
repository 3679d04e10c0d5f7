/**
 * `bun test/faults/soak.ts --rounds 50 [--seed N] [build|publish|serve|others|collect …]`: kills
 * each of them that many times; `collect` pushes a thousand images a round while it collects. The
 * tests do the same a few times only.
 */
import { parseArgs } from 'node:util'
import { collectAtOnce } from './collection.ts'
import { killBuilds, killOthers, killPublishes, killServers } from './crash.ts'
import { removeTemplate } from './place.ts'
import { stopStorages } from '../storages.ts'

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '50' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000)
const rounds = Number(values.rounds)
const soaks = {
  build: killBuilds,
  publish: killPublishes,
  serve: killServers,
  others: killOthers,
  collect: collectAtOnce,
}
const wanted = positionals.length === 0 ? Object.keys(soaks) : positionals

console.log(`seed ${seed}, ${rounds} rounds`)
for (const [name, soak] of Object.entries(soaks))
  if (wanted.includes(name)) await soak({ rounds, seed, note: (text) => console.log(text) })
await removeTemplate()
await stopStorages()
console.log('everything held')
