/**
 * A graph of packages as one SVG document that needs nothing else.
 *
 * Invariant: equal graphs give equal bytes; names and versions are text, never markup. Colours
 * follow the reader's choice of light or dark, and print in black on white.
 * Not here: places (`graph-layout.ts`).
 */
import type { GraphPackage, PackageGraph } from '#app/index.ts'
import { AppError } from '#kernel/index.ts'
import {
  type Box,
  nameSize,
  placed,
  type Placed,
  type Point,
  textWidth,
  versionSize,
} from './graph-layout.ts'

const style = `
  svg { --ink: #1c2128; --soft: #59636e; --paper: #ffffff; --box: #f3f5f8; --line: #9aa4b0;
    --asked: #0b5cad; --askedInk: #ffffff; --askedSoft: #cfe3f7; background: var(--paper);
    font-family: Helvetica, Arial, 'Liberation Sans', sans-serif }
  @media (prefers-color-scheme: dark) { svg { --ink: #e6eaef; --soft: #9da7b3; --paper: #14181d;
    --box: #232a33; --line: #78848f; --asked: #4c9be8; --askedInk: #0b1015; --askedSoft: #15304a } }
  @media print { svg { --ink: #000; --soft: #444; --paper: #fff; --box: #f6f6f6; --line: #888;
    --asked: #0b5cad; --askedInk: #fff; --askedSoft: #e3eefa } }
  .edge { fill: none; stroke: var(--line); stroke-width: 1.1 }
  .edge.asked { stroke: var(--asked); stroke-opacity: .55 }
  .tip { fill: var(--line) }
  .box { fill: var(--box); stroke: var(--line) }
  .recipe .box { stroke-dasharray: 4 3 }
  .system .box { fill: var(--paper) }
  .asked .box { fill: var(--asked); stroke: var(--asked) }
  .name { fill: var(--ink); font-size: ${nameSize}px; font-weight: 600 }
  .version { fill: var(--soft); font-size: ${versionSize}px }
  .asked .name { fill: var(--askedInk) }
  .asked .version { fill: var(--askedInk); fill-opacity: .85 }
  .title { fill: var(--ink); font-size: 15px; font-weight: 600 }
  .note { fill: var(--soft); font-size: ${versionSize}px }`

/** The layout takes quadratic time: two seconds for this many. */
const nodesMax = 500
const headHeight = 44
const footHeight = 36
const margin = 24

/** The document, ending with a line break. @throws AppError `cli/usage` for too many packages */
export function graphSvg(graph: PackageGraph): string {
  if (graph.nodes.length > nodesMax)
    throw new AppError('cli/usage', `${graph.nodes.length} packages are too many for a drawing`, {
      hints: [`Up to ${nodesMax} are drawn; \`--format dot\` and \`--format json\` tell all.`],
    })
  const place = placed(graph)
  const legend = legendOf(graph)
  const heading = textWidth(graph.title, 15) * 1.07 + 2 * margin
  const width = Math.ceil(Math.max(place.width, heading, legend.width + 2 * margin))
  const height = headHeight + place.height + footHeight
  const asked = new Set(graph.nodes.filter((node) => node.isAsked).map(({ name }) => name))
  const needs = Map.groupBy(graph.edges, (edge) => edge.from)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"` +
      ` viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(graph.title)}">`,
    `<title>${escaped(graph.title)}</title>`,
    `<style>${style}\n</style>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6"' +
      ' markerHeight="6" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
    `<text class="title" x="${margin}" y="28">${escaped(graph.title)}</text>`,
    `<g transform="translate(0 ${headHeight})">`,
    ...edgeLines(place, asked),
    ...graph.nodes.map((node) => {
      const told = (needs.get(node.name) ?? []).map((edge) => edge.need ?? edge.to)
      return nodeGroup(node, place.nodes.get(node.name), told)
    }),
    '</g>',
    `<g transform="translate(${margin} ${height - footHeight + 8})">${legend.text}</g>`,
    '</svg>',
    '',
  ].join('\n')
}

function edgeLines({ edges }: Placed, asked: ReadonlySet<string>): readonly string[] {
  return edges.map(({ from, points }) => {
    const kind = asked.has(from) ? 'edge asked' : 'edge'
    return `<path class="${kind}" marker-end="url(#tip)" d="${curve(points)}"/>`
  })
}

function nodeGroup(node: GraphPackage, box: Box | undefined, needs: readonly string[]): string {
  const { x, y, width, height } = box ?? { x: 0, y: 0, width: 0, height: 0 }
  const told = [
    `${node.name} ${node.version}`,
    ...(node.provides ?? []).map((one) => `provides ${one}`),
    ...needs.map((one) => `needs ${one}`),
  ]
  const corner = `x="${px(x - width / 2)}" y="${px(y - height / 2)}"`
  const line = (kind: string, text: string, at: number) =>
    `<text class="${kind}" x="${px(x)}" y="${px(at)}" text-anchor="middle">${escaped(text)}</text>`
  return [
    `<g class="${node.kind}${node.isAsked ? ' asked' : ''}">`,
    `<title>${escaped(told.join('\n'))}</title>`,
    `<rect class="box" ${corner} width="${px(width)}" height="${px(height)}" rx="6"/>`,
    line('name', node.name, node.version === '' ? y + 4.5 : y - 2),
    ...(node.version === '' ? [] : [line('version', node.version, y + 12)]),
    '</g>',
  ].join('')
}

/** What the looks of a box mean, as far as they occur. */
function legendOf({ nodes }: PackageGraph): { readonly text: string; readonly width: number } {
  const kinds = [
    ['build asked', 'asked for', nodes.some((node) => node.isAsked)],
    ['build', 'built', nodes.some((node) => node.kind === 'build')],
    ['recipe', 'to be built', nodes.some((node) => node.kind === 'recipe')],
    ['system', 'of the system', nodes.some((node) => node.kind === 'system')],
  ] as const
  let x = 0
  const parts = kinds.flatMap(([kind, text, occurs]) => {
    if (!occurs) return []
    const at = x
    x += 30 + textWidth(text, versionSize) + 18
    return [
      `<g class="${kind}"><rect class="box" x="${px(at)}" y="0" width="22" height="12" rx="3"/></g>`,
      `<text class="note" x="${px(at + 28)}" y="10">${text}</text>`,
    ]
  })
  const note = 'Arrows point to what is needed; those that follow from others are left out.'
  parts.push(`<text class="note" x="${px(x)}" y="10">${note}</text>`)
  return { text: parts.join(''), width: x + textWidth(note, versionSize) }
}

/** Level inside each pair of points, an even bend from one pair to the next. */
function curve(points: readonly Point[]): string {
  const [first] = points
  if (first === undefined) return ''
  const parts = [`M${spot(first)}`]
  for (let index = 1; index < points.length; index += 1) {
    const [from, to] = [points[index - 1] ?? first, points[index] ?? first]
    const middle = (from.x + to.x) / 2
    const bend = `${spot({ x: middle, y: from.y })} ${spot({ x: middle, y: to.y })} ${spot(to)}`
    parts.push(from.y === to.y ? `H${px(to.x)}` : `C${bend}`)
  }
  return parts.join('')
}

function spot({ x, y }: Point): string {
  return `${px(x)} ${px(y)}`
}

/** A tenth of a pixel is finer than anyone sees, and the same on every machine. */
function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for XML 1.0, which has no control characters but tab and line breaks. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\p{Cs}\uFFFE\uFFFF]|(?![\t\n])\p{Cc}/gu, '\uFFFD')
    .replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter)
}
