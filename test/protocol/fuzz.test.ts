/** Requests that no client would send: never a crash, never a wrong shape, never another's bytes. */
import { test } from 'bun:test'
import { fuzzGuarded, fuzzOpen, fuzzSocket } from './fuzzing.ts'

// A failure prints its seed; the long form with a seed of its own is test/faults/http-fuzz.ts.
const seed = 20_261_122

test('any request has an answer that the specification knows', async () => {
  await fuzzOpen({ seed, numRuns: 2000 })
}, 60_000)

test('who may not read cannot tell what is there from what is not', async () => {
  await fuzzGuarded({ seed, numRuns: 1500 })
}, 60_000)

test('bytes that are no HTTP do no harm', async () => {
  await fuzzSocket({ seed, numRuns: 150 })
}, 60_000)
