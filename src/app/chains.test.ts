import { expect, test } from 'bun:test'
import { chainsTo } from './chains.ts'

const needs = new Map([
  ['viewer', ['openimageio', 'imath']],
  ['openimageio', ['openexr']],
  ['openexr', ['imath']],
  ['imath', ['openexr']],
])

test('every chain, in order, without going round a circle', () => {
  expect(chainsTo({ asked: ['viewer', 'openexr'], needs }, 'imath')).toEqual([
    ['viewer', 'openimageio', 'openexr', 'imath'],
    ['viewer', 'imath'],
    ['openexr', 'imath'],
  ])
  expect(chainsTo({ asked: ['imath'], needs }, 'viewer')).toEqual([])
})

test('a lattice that does not lead to the package is not walked', () => {
  const layers = 40
  const lattice = Array.from({ length: layers }, (_none, at) => [
    [`a${at}`, [`a${at + 1}`, `b${at + 1}`]] as const,
    [`b${at}`, [`a${at + 1}`, `b${at + 1}`]] as const,
  ]).flat()
  const all = new Map<string, readonly string[]>([...lattice, ['root', ['a0', 'leaf']]])
  expect(chainsTo({ asked: ['root'], needs: all }, 'leaf')).toEqual([['root', 'leaf']])
})
