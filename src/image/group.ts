/**
 * Which builds share a layer, so that an image stays under the layer limit of what runs it.
 *
 * Source: measured with podman's overlay driver: 127 layers run, 129 do not; containerd says 127.
 */
import { AppError } from '#kernel/index.ts'

export const layerCountMax = 127

export interface GroupOptions {
  /** Layers of the base image. */
  readonly baseLayers: number
  readonly layerCountMax?: number | undefined
}

/** Positions of neighbouring packages that lie in one layer; one position means: as it is. */
export type LayerGroup = readonly number[]

/** How a cheapest plan for the first packages ends: the last one joined its neighbour, or not. */
const ends = ['alone', 'opened', 'joined'] as const
type End = (typeof ends)[number]

/**
 * Splits layers in install order into neighbouring groups so that the fewest bytes are packed
 * anew. Layers that stay alone keep their digests, so registries and hosts have them already.
 *
 * Dynamic programming over (packages seen, layers saved, how the last one ended); at most some
 * hundred thousand steps for a thousand packages.
 *
 * @param sizes Compressed bytes of each layer in install order.
 * @throws AppError `image/too-many-layers` when the base alone leaves no room.
 */
export function planLayers(sizes: readonly number[], options: GroupOptions): readonly LayerGroup[] {
  const room = (options.layerCountMax ?? layerCountMax) - options.baseLayers
  const save = Math.max(0, sizes.length - room)
  if (room < 1 && sizes.length > 0)
    throw new AppError(
      'image/too-many-layers',
      `The base has ${options.baseLayers} layers, which leaves no room under the limit of ${options.layerCountMax ?? layerCountMax}`,
      { hints: ['Flatten the base image, or choose one with fewer layers.'] },
    )
  return save === 0 ? sizes.map((_size, index) => [index]) : groupsOf(cheapestEnds(sizes, save))
}

/** For each package of the cheapest plan, how it ended. */
function cheapestEnds(sizes: readonly number[], save: number): readonly End[] {
  const width = save + 1
  const cost = ends.map(() => new Float64Array((sizes.length + 1) * width).fill(Infinity))
  const from = ends.map(() => new Int8Array((sizes.length + 1) * width).fill(-1))
  const at = (seen: number, saved: number): number => seen * width + saved
  cost[0]?.fill(0, 0, 1)
  const better = (end: number, to: number, before: number, source: number, extra: number): void => {
    const total = (cost[before]?.[source] ?? Infinity) + extra
    if (total >= (cost[end]?.[to] ?? Infinity)) return
    cost[end]?.fill(total, to, to + 1)
    from[end]?.fill(before, to, to + 1)
  }
  sizes.forEach((size, index) => {
    for (let saved = 0; saved <= save; saved += 1) {
      for (const before of [0, 2]) {
        better(0, at(index + 1, saved), before, at(index, saved), 0)
        better(1, at(index + 1, saved), before, at(index, saved), size)
      }
      if (saved > 0)
        for (const before of [1, 2])
          better(2, at(index + 1, saved), before, at(index, saved - 1), size)
    }
  })
  return traceBack(cost, from, { seen: sizes.length, saved: save, at })
}

function traceBack(
  cost: readonly Float64Array[],
  from: readonly Int8Array[],
  goal: { seen: number; saved: number; at: (seen: number, saved: number) => number },
): readonly End[] {
  let { saved } = goal
  const last = goal.at(goal.seen, saved)
  let end = (cost[0]?.[last] ?? Infinity) <= (cost[2]?.[last] ?? Infinity) ? 0 : 2
  const result: End[] = []
  for (let seen = goal.seen; seen > 0; seen -= 1) {
    result.push(ends[end] ?? 'alone')
    const before = from[end]?.[goal.at(seen, saved)] ?? 0
    if (end === 2) saved -= 1
    end = before
  }
  return result.toReversed()
}

function groupsOf(plan: readonly End[]): readonly LayerGroup[] {
  const groups: number[][] = []
  plan.forEach((end, index) => {
    if (end === 'joined') groups.at(-1)?.push(index)
    else groups.push([index])
  })
  return groups
}
