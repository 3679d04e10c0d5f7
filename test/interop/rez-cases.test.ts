/** Rez's own solver tests, with the answers that Rez gave. */
import { describe, expect, test } from 'bun:test'
import { catalogOf } from '../../src/interop/repository.fixture.ts'
import { type RezSolution, solveRez } from '#interop/index.ts'
import data from '../data/rez-solver-cases.json' with { type: 'json' }

interface Case {
  readonly request: readonly string[]
  readonly config: {
    readonly variant_select_mode: string
    readonly error_on_missing_variant_requires: boolean
  }
  readonly expect: string | readonly string[]
  readonly reason?: string
}

const repositories = [{ path: '/repository', catalog: catalogOf(data.packages) }]

async function answer({ request, config }: Case): Promise<string | readonly string[]> {
  const { solution } = await solveRez({
    request,
    repositories,
    variantSelectMode:
      config.variant_select_mode === 'intersection_priority'
        ? 'intersection_priority'
        : 'version_priority',
    missingFamilies: config.error_on_missing_variant_requires ? 'fail' : 'skip',
  })
  return shown(solution)
}

/** An answer as the data has it: `name-version[variant]`, then ephemerals. */
function shown(solution: RezSolution): string | readonly string[] {
  if (solution.kind !== 'solved')
    return solution.kind === 'failed' && solution.reason === 'missing-family'
      ? 'error:PackageFamilyNotFoundError'
      : solution.kind
  const packages = solution.packages.map(
    ({ name, version, variant }) =>
      `${[name, version].filter(Boolean).join('-')}[${variant ?? ''}]`,
  )
  return [...packages, ...solution.ephemerals]
}

describe('as Rez answers', () => {
  const cases: readonly Case[] = data.cases
  test.each([...cases])('case $request', async (one) => {
    expect(await answer(one)).toEqual(one.expect)
  })

  const permutations: readonly Case[] = data.permutations
  test.each([...permutations])('permutation $request', async (one) => {
    expect(await answer(one)).toEqual(one.expect)
  })

  test('a circle is a failure of its own kind', async () => {
    const { solution } = await solveRez({ request: ['pymum-3'], repositories })
    expect(solution).toMatchObject({
      reason: 'cycle',
      sentences: expect.arrayContaining([
        expect.stringContaining('pydad-3 --> pymum-3 --> pydad-3'),
      ]),
    })
  })
})
