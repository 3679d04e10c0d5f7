/** Small Rez repositories against brute force: all ways to meet what is required. */
import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { catalogOf } from '../../src/interop/repository.fixture.ts'
import { solveRez } from '#interop/index.ts'
import { brokenRules, byFamily, type Chosen, compare, type Definition } from './rez-rules.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const versions = ['1', '2', '2.1', '3']

const range = fc.constantFrom('', '', '-1', '-2', '-2+', '<2.1', '-1|3', '==2', '-1..2', '-2+<3')
const sign = fc.constantFrom('', '', '', '~', '!')
const requirement = fc
  .tuple(sign, fc.constantFrom(...names), range)
  // `!a` alone says that there is none, and `~a` alone says nothing.
  .map((parts) => parts.join(''))

/** `.x` is an ephemeral: ranges of it have to meet. */
const ephemeral = fc.constantFrom('.x-1', '.x-2+', '.x<2', '!.x-3')

const anything = fc.oneof(
  { weight: 8, arbitrary: requirement },
  { weight: 1, arbitrary: ephemeral },
)

const family = (name: string) =>
  fc.uniqueArray(fc.constantFrom(...versions), { minLength: 1, maxLength: 3 }).chain((own) =>
    fc.tuple(
      ...own.map((version) =>
        fc.record({
          name: fc.constant(name),
          version: fc.constant(version),
          requires: fc.array(anything, { maxLength: 2 }),
          variants: fc.array(fc.array(anything, { minLength: 1, maxLength: 2 }), { maxLength: 2 }),
        }),
      ),
    ),
  )

const repository = fc.tuple(...names.map(family)).map((families) => families.flat())
const request = fc.array(requirement, { minLength: 1, maxLength: 4 })

/** Every valid answer in which everything is there because something before it requires it. */
function allAnswers(definitions: readonly Definition[], wanted: readonly string[]): Chosen[][] {
  const families = byFamily(definitions)
  const choices = (name: string): readonly Chosen[] =>
    (families.get(name) ?? []).flatMap(({ version, variants = [] }): Chosen[] =>
      variants.length === 0
        ? [{ name, version, variant: null }]
        : variants.map((_, variant) => ({ name, version, variant })),
    )
  const answers: Chosen[][] = []
  const extend = (chosen: readonly Chosen[]): void => {
    const broken = brokenRules(families, wanted, chosen)
    const absent = broken.map((text) => / requires (\w), which is absent$/.exec(text)?.[1])
    if (absent.includes(undefined)) return
    const [next] = absent
    if (next === undefined) {
      if (meets(definitions, chosen)) answers.push([...chosen])
      return
    }
    for (const one of choices(next)) extend([...chosen, one])
  }
  extend([])
  return answers
}

/** Whether the ranges of `.x` that are asked for meet: tried with versions all around the bounds. */
function meets(definitions: readonly Definition[], chosen: readonly Chosen[]): boolean {
  const asked = chosen.flatMap(({ name, version, variant }) => {
    const found = definitions.find((one) => one.name === name && one.version === version)
    return [...(found?.requires ?? []), ...(found?.variants?.[variant ?? -1] ?? [])]
  })
  const holds: Readonly<Record<string, (version: string) => boolean>> = {
    '.x-1': (version) => version.startsWith('1'),
    '.x-2+': (version) => compare(version, '2') >= 0,
    '.x<2': (version) => compare(version, '2') < 0,
    '!.x-3': (version) => !version.startsWith('3'),
  }
  const own = asked.filter((text) => text in holds)
  return ['0', '1', '1.5', '2', '3', '4'].some((version) =>
    own.every((text) => holds[text]?.(version) ?? true),
  )
}

test('verdicts, validity and the first preference', async () => {
  let solved = 0
  let failed = 0
  await fc.assert(
    fc.asyncProperty(repository, request, async (definitions, wanted) => {
      const repositories = [{ path: '/repository', catalog: catalogOf(definitions) }]
      const { solution } = await solveRez({ request: wanted, repositories })
      if (solution.kind === 'cancelled') throw new TypeError('nobody cancels')
      // Rez calls its first answer a failure when packages in it need each other in a circle.
      if (solution.kind === 'failed' && solution.reason === 'cycle') return
      const answers = allAnswers(definitions, wanted)
      expect(solution.kind).toBe(answers.length > 0 ? 'solved' : 'failed')
      if (solution.kind !== 'solved') {
        failed += 1
        return
      }
      solved += 1
      expect(brokenRules(byFamily(definitions), wanted, solution.packages)).toEqual([])
      const first = wanted.find((one) => /^\w/.test(one)) ?? ''
      const name = first.slice(0, 1)
      const versionOf = (answer: readonly Chosen[]) =>
        answer.find((one) => one.name === name)?.version ?? ''
      const best = answers.map(versionOf).sort(compare).at(-1)
      if (name !== '') expect(versionOf(solution.packages)).toBe(best ?? '')
    }),
    { numRuns: 200 },
  )
  expect(solved).toBeGreaterThan(20)
  expect(failed).toBeGreaterThan(15)
}, 120_000)
