import { expect, test } from 'bun:test'
import { aligned, table, tree } from './table.ts'

test('columns are as wide as their widest cell, numbers to the right, no blanks at the end', () => {
  const columns = [{ title: 'name' }, { title: 'size', align: 'right' }] as const
  const rows = [['日本', '9 B'], ['imath', '310 kB'], ['zlib']]
  expect(table(columns, rows, (head) => head.toUpperCase())).toBe(
    ['NAME     SIZE', '日本      9 B', 'imath  310 kB', 'zlib'].join('\n'),
  )
})

test('aligned takes rows of different lengths, and none', () => {
  expect(aligned([['a', 'bb', 'c'], ['aaa']])).toBe('a    bb  c\naaa')
  expect(aligned([])).toBe('')
})

test('a forest has its roots at the margin', () => {
  const leaf = (label: string) => ({ label, children: [] })
  const openexr = {
    label: 'openexr',
    children: [{ label: 'imath', children: [leaf('x')] }, leaf('zlib')],
  }
  expect(tree([openexr, leaf('ptex')])).toBe(
    ['openexr', '├── imath', '│   └── x', '└── zlib', 'ptex'].join('\n'),
  )
})
