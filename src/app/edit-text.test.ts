import { expect, test } from 'bun:test'
import { withoutRequirements, withRequirements } from './edit-text.ts'

const text = `# What we work in.
environment:
  platform: CY2023 # as the studio
  packages:
    - openexr 3.1 # the format
    - pybind11
`

test('a requirement is added at the end and comments stay', () => {
  const edited = withRequirements(text, 'default', ['libdeflate 1.14'])
  expect(edited).toBe(`${text}    - libdeflate 1.14\n`)
})

test('a requirement of the same name takes the place of the old one', () => {
  const edited = withRequirements(text, 'default', ['pybind11 2.10'])
  expect(edited).toBe(text.replace('- pybind11', '- pybind11 2.10'))
})

test('a named environment is made when it does not exist', () => {
  const edited = withRequirements('environment: {packages: []}\n', 'gpu', ['imath'])
  expect(edited).toContain('environments:\n  gpu:\n    packages:\n      - imath\n')
})

test('an empty file gets an environment', () => {
  expect(withRequirements('', 'default', ['imath 3.1'])).toBe(
    'environment:\n  packages:\n    - imath 3.1\n',
  )
})

test('versions stay text: 3.10 is not 3.1', () => {
  const edited = withRequirements('environment:\n  packages: [python 3.10]\n', 'default', ['imath'])
  expect(edited).toContain('python 3.10')
})

test('a requirement is removed by name, the last one leaves an empty list', () => {
  const one = withoutRequirements(text, 'default', ['openexr'])
  expect(one).not.toContain('openexr')
  expect(one).toContain('# as the studio')
  expect(withoutRequirements(one, 'default', ['pybind11'])).toContain('packages: []')
})

test('removing what nobody asked for is an error', () => {
  expect(() => withoutRequirements(text, 'default', ['usd'])).toThrow(
    expect.objectContaining({ code: 'cli/not-in-environment' }),
  )
})
