import { expect, test } from 'bun:test'
import { solve } from '#solver/index.ts'
import { disagreement } from './rez-answer.ts'
import { readBenchmark, rezSource } from './rez-source.ts'

test("on Rez's benchmark: equal verdicts, valid answers, nothing requested is older", () => {
  const data = readBenchmark()
  const source = rezSource(data)
  expect(data.requests).toHaveLength(64)

  const wrong = data.requests.flatMap((request, index) => {
    const solution = solve(source, source.roots(request), {
      polishBudget: index % 4 === 0 ? 10_000 : 0,
    })
    return disagreement(source, { request, solution, rez: data.results[index] }) ?? []
  })

  expect(wrong).toEqual([])
}, 120_000)

test('an answer that leaves a demand unmet is told', () => {
  const data = readBenchmark()
  const source = rezSource(data)
  const request = data.requests[0] ?? []
  const solution = solve(source, source.roots(request), { polishBudget: 0 })
  if (solution.kind !== 'solved') throw new TypeError('Rez solves it')
  const less = { ...solution, candidates: solution.candidates.slice(0, -1) }

  expect(disagreement(source, { request, solution: less, rez: data.results[0] })).toBe(
    'a demand is not met',
  )
})
