/**
 * `bun test/oracle/long.ts [PROBLEMS] [SEED]`: every request of the benchmark and thousands of
 * generated problems beside gringo and clasp. The test does the same with a few.
 */
import { generated, onBenchmark, requests } from './compare.ts'

const [problems = '2000', seed = '1'] = process.argv.slice(2)
let wrong = 0
for (const [index, request] of requests.entries()) {
  const found = await onBenchmark(request)
  wrong += found.length
  console.log(
    `request ${index + 1} of ${requests.length}${found.map((one) => `: ${one}`).join('')}`,
  )
}
const found = generated(Number(problems), Number(seed))
for (const one of found) console.log(one)
console.log(`${wrong + found.length} differences`)
process.exitCode = wrong + found.length === 0 ? 0 : 1
