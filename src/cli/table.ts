/**
 * Tables and trees as lines of text.
 */
import { padded, width } from './human.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/**
 * A table with a head, two blanks between columns and none at the end of a line.
 * @param rows One text for each column; missing ones are empty.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  head: (text: string) => string,
): string {
  const widths = columns.map((column, index) =>
    Math.max(width(column.title), ...rows.map((row) => width(row[index] ?? ''))),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) =>
        padded(cell, widths[index] ?? 0, columns[index]?.align === 'right' ? 'left' : 'right'),
      )
      .join('  ')
      .trimEnd()
  const titles = line(columns.map((column) => column.title))
  return [head(titles), ...rows.map(line)].join('\n')
}

/** Lines without a head, columns aligned. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, index) =>
    Math.max(...rows.map((row) => width(row[index] ?? ''))),
  )
  return rows
    .map((row) =>
      row
        .map((cell, index) => padded(cell, widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export interface Branch {
  readonly label: string
  readonly children: readonly Branch[]
}

/** A forest drawn with lines; roots stand at the margin. */
export function tree(roots: readonly Branch[]): string {
  const lines: string[] = []
  const draw = (node: Branch, lead: string, below: string): void => {
    lines.push(lead + node.label)
    node.children.forEach((child, index) => {
      const last = index === node.children.length - 1
      draw(child, `${below}${last ? '└── ' : '├── '}`, `${below}${last ? '    ' : '│   '}`)
    })
  }
  for (const root of roots) draw(root, '', '')
  return lines.join('\n')
}
