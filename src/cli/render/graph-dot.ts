/** A graph of packages in the language of Graphviz. */
import type { PackageGraph } from '#app/index.ts'

/** Implied edges are there, dotted and without influence on the layout. */
export function graphDot({ title, nodes, edges }: PackageGraph): string {
  const attributes = (pairs: readonly (readonly [string, string])[]) =>
    `[${pairs.map(([name, value]) => `${name}=${quoted(value)}`).join(', ')}]`
  const nodeLines = nodes.map(({ name, version, kind, isAsked }) => {
    const look = [
      ['label', version === '' ? name : `${name}\n${version}`],
      ...(isAsked ? [['penwidth', '2.5'] as const] : []),
      ...(kind === 'recipe' ? [['style', 'rounded,dashed'] as const] : []),
    ] as const
    return `  ${quoted(name)} ${attributes(look)}`
  })
  const edgeLines = edges.map(({ from, to, need, isImplied }) => {
    const look = [
      ...(need === undefined ? [] : [['tooltip', need] as const]),
      ...(isImplied ? [['style', 'dotted'] as const, ['constraint', 'false'] as const] : []),
    ]
    return `  ${quoted(from)} -> ${quoted(to)}${look.length === 0 ? '' : ` ${attributes(look)}`}`
  })
  return [
    `digraph ${quoted(title)} {`,
    '  rankdir=LR',
    '  node [shape=box, style=rounded, fontname=Helvetica]',
    ...nodeLines,
    ...edgeLines,
    '}',
    '',
  ].join('\n')
}

/** A string of DOT: quotes and backslashes escaped, line breaks as it writes them. */
function quoted(text: string): string {
  const plain = text.replaceAll(/(?!\n)\p{Cc}/gu, '\uFFFD')
  const escaped = plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  return `"${escaped}"`
}
