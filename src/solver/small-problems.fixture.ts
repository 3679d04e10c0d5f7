/**
 * Problems of up to 8 packages for properties, small enough for brute force.
 */
import * as fc from 'fast-check'
import type { SmallProblem } from './brute-force.fixture.ts'
import type { Dependency } from './source.ts'

/** Problems with up to 8 packages: every kind of demand, cycles, demands on oneself, gaps. */
export const smallProblems = fc.oneof(
  problemsWith({ candidatesMin: 0, packagesMin: 2, demandsMin: 0 }),
  // Crowded ones, in which most decisions clash.
  problemsWith({ candidatesMin: 2, packagesMin: 6, demandsMin: 2 }),
  // Even ones, of which half can be solved and preferences matter.
  ...[1, 2, 3].map(() => fc.integer({ min: 0, max: 2 ** 31 }).map(evenProblem)),
)

/** The problem with some candidates that may not be there without others. */
export const licensedProblems = fc
  .tuple(smallProblems, fc.array(fc.tuple(fc.nat(), fc.array(fc.nat(), { maxLength: 3 }))))
  .map(([problem, pairs]): SmallProblem => {
    const all = problem.packages.flat()
    const at = (place: number) => all[place % Math.max(1, all.length)] ?? -1
    const licences = pairs.map(([id, others]) => [at(id), others.map(at)] as const)
    return { ...problem, licences: new Map(licences) }
  })

/** A problem from a seed: several roots, two or three candidates each, few but real demands. */
function evenProblem(seed: number): SmallProblem {
  let state = seed
  const below = (limit: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0
    return ((state ^ (state >>> 13)) >>> 0) % limit
  }
  const packages = Array.from({ length: 5 + below(4) }, (_none, index) =>
    Array.from({ length: 2 + below(2) }, (_other, at) => index * 10 + at),
  )
  const demand = (index: number): Dependency => {
    const all = packages[index] ?? []
    const some = all.filter(() => below(3) > 0)
    return {
      package: index,
      needed: below(4) > 0,
      allowed: some.length > 0 ? some : all.slice(-1),
      origin: 0,
    }
  }
  const anywhere = () => demand(below(packages.length))
  // Runs of neighbours are alike.
  const graded = below(2) === 0 ? packages : []
  const grades = graded.flatMap((all) => {
    let grade = all[0] ?? 0
    return all.map((id) => [id, (grade = below(2) === 0 ? grade : id)] as const)
  })
  return {
    grades: new Map(grades),
    packages,
    dependencies: new Map(
      packages.flat().map((id) => [id, Array.from({ length: below(4) }, anywhere)]),
    ),
    free: new Set(below(2) === 0 ? [packages.length - 1, packages.length - 2] : []),
    roots: [
      ...Array.from({ length: 2 + below(2) }, (_none, index) => ({
        ...demand(index),
        needed: true,
        allowed: packages[index] ?? [],
      })),
      ...(below(2) === 0 ? [anywhere()] : []),
    ],
  }
}

interface Shape {
  readonly candidatesMin: number
  readonly packagesMin: number
  readonly demandsMin: number
}

function problemsWith({ candidatesMin, packagesMin, demandsMin }: Shape) {
  const sizes = fc.array(fc.integer({ min: candidatesMin, max: 3 }), {
    minLength: packagesMin,
    maxLength: 8,
    size: 'max',
  })
  return sizes.chain((counts) => {
    const packages = counts.map((count, index) =>
      Array.from({ length: count }, (_none, at) => index * 10 + at),
    )
    const dependency = fc
      .record({
        package: fc.integer({ min: 0, max: counts.length - 1 }),
        needed: fc.integer({ min: 0, max: 2 }).map((kind) => kind > 0),
        mask: fc.integer({ min: 1, max: 15 }),
      })
      .map(
        ({ package: index, needed, mask }): Dependency => ({
          package: index,
          needed,
          allowed: (packages[index] ?? []).filter((_id, at) => (mask >> at) & 1),
          origin: 0,
        }),
      )
    const perCandidate = packages
      .flat()
      .map((id) =>
        fc
          .array(dependency, { minLength: demandsMin, maxLength: 4, size: 'max' })
          .map((list) => [id, list] as const),
      )
    return fc.record({
      packages: fc.constant(packages),
      dependencies: fc.tuple(...perCandidate).map((pairs) => new Map(pairs)),
      roots: fc.array(dependency, { minLength: 1, maxLength: 4, size: 'max' }),
    })
  })
}
