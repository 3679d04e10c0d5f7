/** Command lines that README and docs show: each names a command, and options that it has. */
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dir, '../..')
const reference = readFileSync(join(root, 'docs/cli.md'), 'utf8')

/** Sections of the reference by the command that they are about. */
const sections = new Map(
  reference
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')).replaceAll('`', ''), section]),
)

/** Lines of code blocks and pieces of code in sentences that begin with the program's name. */
function commandLines(text: string): readonly string[] {
  const lines = text.matchAll(/^(?:\$ )?(backlot [a-z][^#\n]*)/gm).map((match) => match[1] ?? '')
  const spans = text.matchAll(/`(backlot [a-z][^`]*)`/g).map((match) => match[1] ?? '')
  return [...lines, ...spans].flatMap((line) => line.split(/ (?:&&|\||>>?) | {3,}/)[0] ?? [])
}

/** What is wrong with a line, in words. */
function fault(line: string): string | undefined {
  const words = line.trim().split(/\s+/)
  const lengths = [4, 3, 2].filter((length) => words.length >= length)
  const name = lengths
    .map((length) => words.slice(0, length).join(' '))
    .find((prefix) => sections.has(prefix))
  if (name === undefined) {
    const isGroup = [...sections.keys()].some((one) => one.startsWith(`${line.trim()} `))
    return isGroup ? undefined : `${line}: no such command`
  }
  const rest = words.slice(name.split(' ').length)
  const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest
  const options = own.flatMap((word) => /^--?[a-z][\w-]*/i.exec(word)?.[0] ?? [])
  const told = `${sections.get('Shared options')}${sections.get(name)}`
  const known = new Set(told.match(/(?<![\w-])--?[a-z][\w-]*/gi))
  const unknown = options.filter((option) => !known.has(option))
  return unknown.length === 0 ? undefined : `${line}: no such option ${unknown.join(' ')}`
}

test('every command line that is shown can be typed', () => {
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && path !== 'cli.md')
    .map((path) => `docs/${path}`)
  const lines = ['README.md', ...pages].flatMap((page) =>
    commandLines(readFileSync(join(root, page), 'utf8')),
  )
  expect(lines.length).toBeGreaterThan(100)
  expect(lines.map(fault).filter((one) => one !== undefined)).toEqual([])
})

test('a line that cannot be typed is found', () => {
  expect(fault('backlot frobnicate')).toContain('no such command')
  expect(fault('backlot lock --lowst')).toContain('--lowst')
  expect(fault('backlot run --locked -- ctest --any')).toBeUndefined()
})
