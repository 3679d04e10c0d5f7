/**
 * The fuzzers of the HTTP surface, for long: `bun test/faults/http-fuzz.ts RUNS [SEED]`.
 *
 * A failure prints the smallest request that fails, and the seed that finds it again.
 */
import { type FuzzOptions, fuzzGuarded, fuzzOpen, fuzzSocket } from '../protocol/fuzzing.ts'

const [, , runs = '10000', given] = process.argv
const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
const numRuns = Number(runs)
const parts: readonly (readonly [string, (options: FuzzOptions) => Promise<void>])[] = [
  ['any request has an answer', fuzzOpen],
  ['what may not be read looks as if it were not there', fuzzGuarded],
  ['bytes that are no HTTP', fuzzSocket],
]
for (const [what, fuzz] of parts) {
  const beganMs = performance.now()
  await fuzz({ seed, numRuns })
  const seconds = Math.round((performance.now() - beganMs) / 1000)
  console.log(`${what}: ${numRuns} requests, seed ${seed}, ${seconds} s`)
}
