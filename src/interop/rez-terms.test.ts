import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { catalogOf, type PackageData } from './repository.fixture.ts'
import { type RezRequest, solveRez } from './rez-solve.ts'

const names = ['a', 'b', 'c', 'd', 'e']
const range = fc.constantFrom('', '', '-1', '-2+', '<2.1', '-1|3', '==2', '->1')
const sign = fc.constantFrom('', '', '', '~', '!')
const requirement = fc.tuple(sign, fc.constantFrom(...names, 'nowhere'), range)
const requires = (maxLength: number) =>
  fc.array(
    requirement.map((parts) => parts.join('')),
    { maxLength },
  )
const packages = fc.uniqueArray(
  fc.record<PackageData>({
    name: fc.constantFrom(...names),
    version: fc.constantFrom('1', '2', '2.1', '3'),
    requires: requires(2),
    variants: fc.array(requires(3), { maxLength: 4 }),
  }),
  { minLength: 6, maxLength: 20, selector: ({ name, version }) => `${name}-${version}` },
)
const request = fc.array(
  fc.tuple(fc.constantFrom(...names), range).map((parts) => parts.join('')),
  { minLength: 1, maxLength: 4 },
)

type Same = Partial<Pick<RezRequest, 'filter' | 'orderers' | 'variantSelectMode'>>

/** Settings that leave everything as it is, but take away what the catalog has in numbers. */
const idle: readonly Same[] = [
  { filter: () => false },
  { orderers: [{ type: 'sorted', descending: true, packages: ['nobody'] }] },
]

for (const variantSelectMode of ['version_priority', 'intersection_priority'] as const)
  test(`numbers of a catalog mean what its texts mean, with ${variantSelectMode}`, async () => {
    await fc.assert(
      fc.asyncProperty(packages, request, async (data, asked) => {
        const common = {
          request: asked,
          repositories: [{ path: '/nowhere', catalog: catalogOf(data) }],
          variantSelectMode,
        }
        const { solution } = await solveRez(common)
        for (const settings of idle)
          expect((await solveRez({ ...common, ...settings })).solution).toEqual(solution)
      }),
      { numRuns: 300 },
    )
  })
