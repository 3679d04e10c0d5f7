import { expect, test } from 'bun:test'
import { byNames, needOf, reachedFrom } from './names.ts'

const turbo = { name: 'turbo', provides: { jpeg: '62' }, depends: [] }
const oiio = { name: 'oiio', depends: ['turbo', 'zlib'] }
const zlib = { name: 'zlib', depends: ['oiio'] }
const other = { name: 'other', depends: ['turbo'] }

test('a package is found by each of its names', () => {
  expect([...byNames([turbo, zlib]).keys()]).toEqual(['turbo', 'jpeg', 'zlib'])
  expect(byNames([turbo, zlib]).get('jpeg')).toBe(turbo)
})

test('what is reached, by any name and through circles; unknown names reach nothing', () => {
  const all = [turbo, oiio, zlib, other]
  expect([...reachedFrom(['oiio', 'nothing'], all)]).toEqual([oiio, turbo, zlib])
  expect([...reachedFrom(['jpeg'], all)]).toEqual([turbo])
})

test('a need is one that has to be met, by any of the names', () => {
  const needs = ['!turbo 9', '~jpeg <90', 'jpeg-tools 2', 'jpeg[simd] >=62', 'turbo 2']
  expect(needOf({ needs }, turbo)).toBe('jpeg[simd] >=62')
  expect(needOf({ needs }, zlib)).toBeUndefined()
  expect(needOf({}, turbo)).toBeUndefined()
})
