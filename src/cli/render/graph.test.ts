import { expect, test } from 'bun:test'
import type { PackageGraph } from '#app/index.ts'
import { graphDot } from './graph-dot.ts'
import { placed } from './graph-layout.ts'
import { graphSvg } from './graph-svg.ts'

const node = (name: string, version = '1', isAsked = false) =>
  ({ name, version, kind: 'build', isAsked }) as const
const edge = (from: string, to: string, isImplied = false) => ({ from, to, isImplied })

/** Packages in layers of ten, each of which needs a few of the layer after it. */
function large(count: number): PackageGraph {
  const names = Array.from({ length: count }, (_none, index) => `package-${index}`)
  return {
    title: 'large',
    nodes: names.map((name, index) => node(name, `${index}.0`, index < 3)),
    edges: names.flatMap((name, index) =>
      [10, 11, 13].flatMap((step) => {
        const to = names[index + step]
        return to === undefined ? [] : edge(name, to)
      }),
    ),
  }
}

const diamond: PackageGraph = {
  title: 'diamond',
  nodes: [node('a', '1', true), node('b'), node('c'), node('d')],
  edges: [edge('a', 'b'), edge('a', 'c'), edge('a', 'd', true), edge('b', 'd'), edge('c', 'd')],
}

test('layers go from left to right, and boxes do not overlap', () => {
  const { nodes, width, height } = placed(large(150))
  const boxes = [...nodes.values()]
  const overlaps = boxes.flatMap((one, index) =>
    boxes
      .slice(index + 1)
      .filter(
        (two) =>
          Math.abs(one.x - two.x) < (one.width + two.width) / 2 &&
          Math.abs(one.y - two.y) < (one.height + two.height) / 2,
      ),
  )

  expect(overlaps).toEqual([])
  for (const { x, y, width: wide, height: high } of boxes) {
    expect(x - wide / 2).toBeGreaterThanOrEqual(0)
    expect(x + wide / 2).toBeLessThanOrEqual(width)
    expect(y + high / 2).toBeLessThanOrEqual(height)
  }
  for (const { from, to } of large(150).edges)
    expect(nodes.get(from)?.x ?? 0).toBeLessThan(nodes.get(to)?.x ?? 0)
})

test('lines that climb or fall do so where no box is', () => {
  const { nodes, edges } = placed(large(150))
  const steep = edges.flatMap(({ points }) =>
    points.slice(1).flatMap((to, index) => {
      const from = points[index] ?? to
      return from.y === to.y ? [] : { left: Math.min(from.x, to.x), right: Math.max(from.x, to.x) }
    }),
  )
  const inside = steep.filter(({ left, right }) =>
    [...nodes.values()].some(({ x }) => x > left && x < right),
  )

  expect(steep.length).toBeGreaterThan(100)
  expect(inside).toEqual([])
})

test('equal graphs are equal bytes, and implied edges are not drawn', () => {
  const svg = graphSvg(diamond)

  expect(graphSvg(structuredClone(diamond))).toBe(svg)
  expect(svg.match(/<path class="edge/g)).toHaveLength(4)
  expect(svg.match(/class="build asked"/g)?.length).toBeGreaterThan(0)
})

test('a circle is drawn too', () => {
  const circle = { ...diamond, edges: [edge('a', 'b'), edge('b', 'c'), edge('c', 'a')] }

  expect(graphSvg(circle).match(/<path class="edge/g)).toHaveLength(3)
})

const hostile = '"><script>alert(1)</script>&\u0000\u001B[31m\n\\'

test('names, versions and titles are text, whatever they hold', () => {
  const graph: PackageGraph = {
    title: hostile,
    nodes: [{ ...node(hostile, hostile), provides: [hostile] }, node('b')],
    edges: [{ ...edge(hostile, 'b'), need: hostile }],
  }
  const svg = graphSvg(graph)

  expect(svg).not.toContain('<script')
  // oxlint-disable-next-line no-control-regex -- these are the characters that XML has not
  expect(svg).not.toMatch(/[\u0000-\u0008\u000B-\u001F]/)
  expect(svg).toContain('&lt;script&gt;')
  expect(graphDot(graph)).toContain(String.raw`"\"><script>alert(1)</script>&`)
  const quotes = graphDot(graph)
    .split('\n')
    .map((line) => line.replaceAll(/\\./g, '').match(/"/g)?.length ?? 0)
  expect(quotes).toEqual([2, 0, 0, 4, 4, 6, 0, 0])
})

test('too many packages for a drawing are told, and DOT still has them', () => {
  expect(() => graphSvg(large(501))).toThrow(
    expect.objectContaining({
      code: 'cli/usage',
      message: '501 packages are too many for a drawing',
    }),
  )
  expect(graphDot(large(501)).match(/label=/g)).toHaveLength(501)
})

test('DOT has every edge; what is implied has no influence', () => {
  expect(graphDot(diamond)).toContain('"a" -> "d" [style="dotted", constraint="false"]')
  expect(graphDot(diamond)).toContain('"a" [label="a\\n1", penwidth="2.5"]')
})
