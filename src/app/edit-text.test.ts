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

test('a package that is listed or named more than once goes whole', () => {
  const twice = 'environment:\n  packages:\n    - imath\n    - zlib\n    - imath >=3 # again\n'
  const left = 'environment:\n  packages:\n    - zlib\n'
  expect(withoutRequirements(twice, 'default', ['imath'])).toBe(left)
  expect(withoutRequirements(twice, 'default', ['imath', 'imath'])).toBe(left)
})

test.each([
  ['opnexr', "Did you mean 'openexr'?"],
  ['OpenEXR', "Did you mean 'openexr'?"],
  ['openexr 3.1', "Packages are removed by name: 'openexr'."],
  ['openexr==3.1', "Packages are removed by name: 'openexr'."],
])('removing %p: what was meant', (name, hint) => {
  expect(() => withoutRequirements(text, 'default', [name])).toThrow(
    expect.objectContaining({ hints: [hint, expect.stringContaining('backlot why')] }),
  )
})

test('line ends of Windows stay, also where a list is made or emptied', () => {
  const one = 'environment:\r\n  packages:\r\n    - imath\r\n'
  const none = withoutRequirements(one, 'default', ['imath'])
  expect(none).toBe('environment:\r\n  packages: []\r\n')
  expect(withRequirements(none, 'default', ['imath'])).toBe(one)
})

const commented = `environment:
  platform: CY2023   # as the studio
  # maths
  packages:
    - imath   # for the vectors
    # images
    - openexr 3.1   # pinned
    # the end
  targets: [linux-x86_64]
`

test('what is not edited keeps its bytes: comments, spaces, lists in brackets', () => {
  expect(withRequirements(commented, 'default', ['openexr >=3.1,<4'])).toBe(
    commented.replace('openexr 3.1 ', 'openexr >=3.1,<4 '),
  )
  expect(withRequirements(commented, 'default', ['zlib', '!openexr 2'])).toBe(
    commented
      .replace('- openexr 3.1 ', '- "!openexr 2" ')
      .replace('# pinned\n', '# pinned\n    - zlib\n'),
  )
  expect(withoutRequirements(commented, 'default', ['openexr'])).toBe(
    commented.replace('    - openexr 3.1   # pinned\n', ''),
  )
  const crlf = commented.replaceAll('\n', '\r\n')
  expect(withRequirements(crlf, 'default', ['zlib'])).toBe(
    crlf.replace('# pinned\r\n', '# pinned\r\n    - zlib\r\n'),
  )
})

test('a list in brackets stays one', () => {
  const flow = 'environments:\n  gpu: {packages: [ imath, openexr ]}   # farm\n'
  const edited = (items: string) => flow.replace('imath, openexr', items)
  expect(withRequirements(flow, 'gpu', ['zlib >=1,<2', 'imath 3.1'])).toBe(
    edited('imath 3.1, openexr, "zlib >=1,<2"'),
  )
  expect(withoutRequirements(flow, 'gpu', ['imath'])).toBe(edited('openexr'))
  expect(withoutRequirements(flow, 'gpu', ['openexr'])).toBe(edited('imath'))
  expect(withoutRequirements(flow, 'gpu', ['openexr', 'imath'])).toBe(edited(''))
})

test('a file without a last line break gets its requirement on a line of its own', () => {
  const edited = withRequirements('environment:\n  packages:\n  - imath', 'default', ['zlib'])
  expect(edited).toBe('environment:\n  packages:\n  - imath\n  - zlib\n')
})
