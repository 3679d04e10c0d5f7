/** Every command that a hint, an error or a document tells people to type exists. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildProgram } from '#cli/index.ts'
import { root } from './harness.ts'

const program = buildProgram()
const sources = [
  ...new Bun.Glob('{src,docs,tools}/**/*.{ts,md}').scanSync({ cwd: root }),
  'README.md',
  'ARCHITECTURE.md',
]

/** Lines that stand in back quotes and begin with the program's name. */
function linesIn(text: string): string[] {
  return [...text.matchAll(/`backlot((?: [^`\n]*)?)`/g)].map((match) => (match[1] ?? '').trim())
}

/** What is wrong with a line, or undefined. */
function fault(line: string): string | undefined {
  let at = program
  for (const word of line.split(/\s+/).filter(Boolean)) {
    if (word === '--') return undefined
    const child = at.commands.find((command) => command.name() === word)
    const [flag = ''] = word.split('=')
    if (child !== undefined) at = child
    else if (at.commands.length > 0 && /^[a-z]+$/.test(word)) return `no command ${word}`
    else if (
      /^--?[a-z]/i.test(flag) &&
      !at.options.some(({ short, long }) => flag === short || flag === long)
    )
      return flag === '--version' || flag === '--help' ? undefined : `no option ${flag}`
  }
  return undefined
}

test('what people are told to type can be typed', () => {
  const faults = sources.flatMap((path) => {
    const file = Bun.file(join(root, path))
    const text = file.size === 0 ? '' : readFileSync(join(root, path), 'utf8')
    return linesIn(text).flatMap((line) => {
      const wrong = fault(line)
      return wrong === undefined ? [] : [`${path}: \`backlot ${line}\`: ${wrong}`]
    })
  })
  expect(faults).toEqual([])
})

test('the check finds what cannot be typed', () => {
  expect(linesIn('Run `backlot lokc --x`, then `backlot`.')).toEqual(['lokc --x', ''])
  expect(fault('lokc')).toBe('no command lokc')
  expect(fault('image build X --labl')).toBe('no option --labl')
  expect(fault('image biuld')).toBe('no command biuld')
  expect(fault('run -- prog --any')).toBeUndefined()
})
