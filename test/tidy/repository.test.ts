import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { floors, formatFinding, tidy } from '../../tools/tidy/index.ts'

const root = join(import.meta.dir, '../..')

test('the repository keeps the house rules', () => {
  expect(tidy(root).map(formatFinding)).toEqual([])
})

test('the floor table of ARCHITECTURE.md is the one that is checked', () => {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const rows = text.matchAll(/^\| (?<floor>\d+) \| (?<rooms>[^|]+) \|/gm)
  const table = [...rows].map(({ groups }) => [
    Number(groups?.['floor']),
    [...(groups?.['rooms'] ?? '').matchAll(/`([a-z]+)(?:\/|\.ts)`/g)].map((match) => match[1]),
  ])

  expect(table).toEqual(floors.map((rooms, floor) => [floor, [...rooms]]).toReversed())
})
