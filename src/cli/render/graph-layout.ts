/**
 * Where the packages of a graph are drawn: layers from left to right, by dagre.
 *
 * Invariant: equal graphs give equal places. Sizes are those of the text, estimated from the
 * widths of Helvetica's letters, because no browser is there to measure it.
 */
import dagre from '@dagrejs/dagre'
import type { PackageGraph } from '#app/index.ts'

/**
 * Places are in pixels of the drawing, from its upper left corner. The points of an edge come in
 * pairs: it is level inside each pair, which is a column of packages, and climbs or falls between
 * the pairs, where no package is.
 */
export interface Placed {
  readonly width: number
  readonly height: number
  readonly nodes: ReadonlyMap<string, Box>
  /** In the order of the edges that are drawn. */
  readonly edges: readonly {
    readonly from: string
    readonly to: string
    readonly points: Point[]
  }[]
}

/** A centre and the size around it. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

export const nameSize = 13
export const versionSize = 11
const nodeHeight = 36
const paddingX = 12

/** Implied edges are not drawn, and so take no room. */
export function placed({ nodes, edges }: PackageGraph): Placed {
  const graph = new dagre.graphlib.Graph({ multigraph: false })
  graph.setGraph({ rankdir: 'LR', nodesep: 10, ranksep: 72, edgesep: 8, marginx: 24, marginy: 24 })
  for (const { name, version } of nodes) {
    const text = Math.max(textWidth(name, nameSize) * 1.07, textWidth(version, versionSize))
    graph.setNode(name, { width: Math.ceil(text) + 2 * paddingX, height: nodeHeight })
  }
  const drawn = edges.filter((edge) => !edge.isImplied)
  for (const { from, to } of drawn) graph.setEdge(from, to, {})
  dagre.layout(graph)
  const { width = 0, height = 0 } = graph.graph()
  const boxes = new Map(nodes.map(({ name }) => [name, boxOf(graph.node(name))]))
  const columns = columnsOf([...boxes.values()])
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    nodes: boxes,
    edges: drawn.map(({ from, to }) => {
      const [start, end] = [boxOf(boxes.get(from)), boxOf(boxes.get(to))]
      const between = (graph.edge(from, to).points ?? []).slice(1, -1)
      return { from, to, points: levelPoints({ start, end, between }, columns) }
    }),
  }
}

/** Half the width of each column of packages, by its middle. */
function columnsOf(boxes: readonly Box[]): ReadonlyMap<number, number> {
  const columns = new Map<number, number>()
  for (const { x, width } of boxes)
    columns.set(Math.round(x), Math.max(columns.get(Math.round(x)) ?? 0, width / 2))
  return columns
}

/** In a circle an edge leads back, from right to left. */
function levelPoints(
  edge: { readonly start: Box; readonly end: Box; readonly between: readonly Point[] },
  columns: ReadonlyMap<number, number>,
): Point[] {
  const { start, end } = edge
  const ahead = start.x <= end.x ? 1 : -1
  const halfOf = ({ x }: Point) => (columns.get(Math.round(x)) ?? 0) * ahead
  const passed = edge.between.filter(({ x }) => columns.has(Math.round(x)))
  return [
    { x: start.x + (start.width / 2) * ahead, y: start.y },
    { x: start.x + halfOf(start), y: start.y },
    ...passed.flatMap((point) => [
      { x: point.x - halfOf(point), y: point.y },
      { x: point.x + halfOf(point), y: point.y },
    ]),
    { x: end.x - halfOf(end), y: end.y },
    { x: end.x - (end.width / 2) * ahead, y: end.y },
  ]
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box> = {}): Box {
  return { x, y, width, height }
}

const narrow = /[ijl.,'|!:;ftI[\]() -]/
const wide = /[mwMW@%]/
const capital = /[A-Z_]/

/** Pixels of a line of text in a sans-serif font, rather too many than too few. */
export function textWidth(text: string, fontSize: number): number {
  let ems = 0
  for (const letter of text)
    ems += narrow.test(letter)
      ? 0.34
      : wide.test(letter)
        ? 0.87
        : capital.test(letter)
          ? 0.68
          : 0.57
  return ems * fontSize
}
