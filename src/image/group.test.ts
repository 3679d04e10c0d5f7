import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { planLayers } from './group.ts'

const packedAnew = (sizes: readonly number[], groups: readonly (readonly number[])[]): number =>
  groups
    .filter((group) => group.length > 1)
    .flat()
    .reduce((sum, index) => sum + (sizes[index] ?? 0), 0)

/** Every way to cut a row of `count` into neighbouring groups. */
function* allCuts(count: number): Generator<readonly (readonly number[])[]> {
  for (let mask = 0; mask < 2 ** Math.max(0, count - 1); mask += 1) {
    const groups: number[][] = [[0]]
    for (let index = 1; index < count; index += 1)
      if ((mask >> (index - 1)) & 1) groups.push([index])
      else groups.at(-1)?.push(index)
    yield groups
  }
}

describe('planLayers', () => {
  test('below the limit each package is a layer', () => {
    expect(planLayers([5, 1, 9], { baseLayers: 124 })).toEqual([[0], [1], [2]])
  })
  test('above it the smallest neighbours are merged', () => {
    expect(planLayers([900, 5, 5, 800, 1], { baseLayers: 0, layerCountMax: 4 })).toEqual([
      [0],
      [1, 2],
      [3],
      [4],
    ])
  })
  test('a base that is full leaves no room', () => {
    expect(() => planLayers([1], { baseLayers: 127 })).toThrow('leaves no room')
    expect(planLayers([], { baseLayers: 127 })).toEqual([])
  })
  test('as cheap as the best of all cuts, in order and complete', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (sizes, room) => {
          const groups = planLayers(sizes, { baseLayers: 3, layerCountMax: room + 3 })
          expect(groups.flat()).toEqual(sizes.map((_size, index) => index))
          expect(groups.length).toBeLessThanOrEqual(room)
          const best = Math.min(
            ...[...allCuts(sizes.length)]
              .filter((cut) => cut.length <= room)
              .map((cut) => packedAnew(sizes, cut)),
          )
          expect(packedAnew(sizes, groups)).toBe(best)
        },
      ),
    )
  })
  test('a thousand packages are planned', () => {
    const sizes = Array.from({ length: 1000 }, (_value, index) => (index * 7919) % 1000)
    expect(planLayers(sizes, { baseLayers: 10 })).toHaveLength(117)
  })
})
