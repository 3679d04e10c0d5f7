/**
 * Definitions as a broken disk or a tired person leaves them, made from a seed; and Python as the
 * judge of what is read without it.
 */
import { expect } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { readPackagePy } from './package-py.ts'

/** Numbers from a seed, as mulberry32 makes them. */
type Random = (below: number) => number

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const pieces = [
  'requires',
  'variants',
  ' = ',
  '[',
  ']',
  "'base'",
  '"base-1+<2"',
  ',',
  '\n',
  ' ',
  '    ',
  'def commands():\n',
  '@early()\n',
  'if ',
  'True',
  'None',
  '(',
  ')',
  '{',
  '}',
  ':',
  '#',
  '\\',
  "'''",
  '"""',
  'f"',
  "r'",
  '0x1',
  '1_0',
  '.5',
  '1e9',
  '	',
  '\r\n',
  '\r',
  '\f',
  '\uFEFF',
  'é',
  'import os\n',
  'lambda: ',
  '+',
  '-',
  '*',
  '%',
  '==',
  ';',
  '\0',
  '\u2028',
  'b"',
  '1',
  'x',
]

/** A definition of pieces, or a good one with some of its characters changed. */
export function mangledDefinition(random: Random): string {
  if (random(2) === 0)
    return Array.from({ length: random(30) }, () => pieces[random(pieces.length)]).join('')
  let text = `name = 'x'
version = "1"
requires = ['base',
    'base-1+<2']
variants = [['a-1', "b"], []]
`
  for (let left = random(4); left > 0; left -= 1) {
    const at = random(text.length)
    const piece = pieces[random(pieces.length)] ?? ''
    text = text.slice(0, at) + piece + text.slice(at + random(4))
  }
  return text
}

/** Holds what is read without Python against what Python reads. */
export async function compareReaders({
  seed,
  files,
}: {
  readonly seed: number
  readonly files: number
}): Promise<void> {
  using folder = temporaryFolder()
  const random = randomFrom(seed)
  const texts = Array.from({ length: files }, () => mangledDefinition(random))
  const paths = texts.map((text, at) => {
    const path = join(folder.path, `${at}.py`)
    writeFileSync(path, text)
    return path
  })
  const oracle = `
import ast, json, sys
for path in json.load(sys.stdin):
    try:
        values = {}
        exec(compile(open(path, 'rb').read(), path, 'exec'), values)
        print(json.dumps({key: values.get(key) for key in ('requires', 'variants')}, default=list))
    except BaseException:
        print('null')
`
  const child = Bun.spawnSync(['python3', '-I', '-S', '-W', 'ignore', '-c', oracle], {
    stdin: Buffer.from(JSON.stringify(paths)),
  })
  const theirs = child.stdout.toString().trim().split('\n')
  expect(theirs).toHaveLength(files)
  let read = 0
  for (const [at, text] of texts.entries()) {
    const ours = readPackagePy(text)
    if ('reason' in ours) continue
    read += 1
    const told = Object.fromEntries(
      ['requires', 'variants'].map((key) => [key, plain(ours.values.get(key) ?? null)]),
    )
    // The body of a function is Python's business until it runs.
    if (theirs[at] === 'null' && text.includes('def ')) continue
    expect([text, told]).toEqual([text, JSON.parse(theirs[at] ?? '')])
  }
  expect(read).toBeGreaterThan(0)
}

function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value)
  return value
}
