/** The first preference and the verdict, by a solver of others. The long form: `long.ts`. */
import { expect } from 'bun:test'
import { outside } from '../outside.ts'
import { askOracle, programs } from './asp.ts'
import { generated, onBenchmark, requests } from './compare.ts'

const test = outside([...programs])

test('the oracle finds the best roots, and tells that there is no answer', () => {
  const source = {
    candidates: (id: number) => (id === 0 ? [1, 2] : [3]),
    packageOf: (id: number) => (id === 3 ? 1 : 0),
    dependencies: (id: number) =>
      id === 1 ? [{ package: 1, needed: true, allowed: [], origin: 0 }] : [],
  }
  const root = { package: 0, needed: true, allowed: [1, 2], origin: 0 }
  expect(askOracle(source, [root])).toEqual({ kind: 'solved', ranks: [1] })
  expect(askOracle(source, [{ ...root, allowed: [1] }])).toEqual({ kind: 'unsolvable' })
})

test('generated problems', () => {
  expect(generated(60, 20_260_101)).toEqual([])
}, 60_000)

test('requests of the benchmark', async () => {
  for (const request of [requests[0], requests[5], requests[11], requests.at(-90)])
    expect(await onBenchmark(request ?? [])).toEqual([])
}, 120_000)
