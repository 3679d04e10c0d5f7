import { expect, test } from 'bun:test'
import {
  type Arbitrary,
  array,
  assert,
  constant,
  constantFrom,
  integer,
  nat,
  oneof,
  property,
  record,
  string,
} from 'fast-check'
import type { WorkEvent } from '#kernel/index.ts'
import { width } from './human.ts'
import { plain } from './paint.ts'
import { openProgress } from './progress.ts'
import { screen } from './screen.fixture.ts'

const quietly = { paint: plain, env: {}, quiet: false, verbose: false }

const imath: readonly WorkEvent[] = [
  { kind: 'start', task: 'imath', label: 'imath 3.1.6' },
  { kind: 'phase', task: 'imath', phase: 'compile' },
  { kind: 'line', task: 'imath', text: '\u001b[1m[3/9]\u001b[0m Building\tCXX half.cpp.o' },
]

test('a running task is one line: phase, elapsed time, last line of its log', () => {
  const stream = screen({ columns: 60 })
  let nowMs = 0
  const progress = openProgress({ ...quietly, stream, nowMs: () => nowMs })

  for (const event of imath) progress.emit(event)
  nowMs = 12_300
  progress.emit({ kind: 'start', task: 'zlib', label: 'zlib 1.3' })

  expect(stream.lines()).toEqual([
    '⠋ imath 3.1.6  compile  12.3 s  [3/9] Building CXX half.cp…',
    '⠋ zlib 1.3     0 ms',
  ])
  expect(stream.cursor()).toBe(false)
  progress.close()
})

test('closing takes everything away but what failed, and gives the cursor back', () => {
  const stream = screen({})
  const progress = openProgress({ ...quietly, stream, nowMs: () => 0 })
  for (const event of imath) progress.emit(event)
  progress.emit({ kind: 'start', task: 'zlib', label: 'zlib 1.3' })
  progress.emit({ kind: 'end', task: 'zlib', outcome: 'reused', durationMs: 0 })
  progress.emit({ kind: 'end', task: 'imath', outcome: 'failed', durationMs: 4000 })

  progress.close()
  progress.close()

  expect(stream.lines()).toEqual(['✗ imath 3.1.6  failed in 4.0 s'])
  expect(stream.cursor()).toBe(true)
})

test('what a key echoes does not move the lines', () => {
  const stream = screen({ columns: 40 })
  const progress = openProgress({ ...quietly, stream, nowMs: () => 0 })
  for (const event of imath) progress.emit(event)
  stream.write('^C')
  progress.emit({ kind: 'start', task: 'zlib', label: 'zlib 1.3' })
  expect(stream.lines()).toEqual(['⠋ imath 3.1.6  compile  0 ms  [3/9] Bu…', '⠋ zlib 1.3     0 ms'])
  stream.write('^C')
  progress.close()
  expect(stream.lines()).toEqual([])
})

test('a warning and a note stand above the moving lines', () => {
  const stream = screen({})
  const progress = openProgress({ ...quietly, stream, nowMs: () => 0 })
  progress.emit({ kind: 'start', task: 'zlib', label: 'zlib 1.3' })

  progress.emit({ kind: 'warning', text: 'unsandboxed', hints: ['Install bubblewrap.'] })
  progress.print('note: hello')

  expect(stream.lines()).toEqual([
    'warning: unsandboxed',
    '  hint: Install bubblewrap.',
    'note: hello',
    '⠋ zlib 1.3  0 ms',
  ])
  progress.close()
})

test('more tasks than rows: the running ones show, the rest is counted', () => {
  const stream = screen({ rows: 4 })
  const progress = openProgress({ ...quietly, stream, nowMs: () => 0 })
  for (const task of ['a', 'b', 'c', 'd', 'e']) {
    progress.emit({ kind: 'start', task, label: task })
    if (task < 'd') progress.emit({ kind: 'end', task, outcome: 'done', durationMs: 1 })
  }

  expect(stream.lines()).toEqual(['… and 3 more', '⠋ d  0 ms', '⠋ e  0 ms'])
  progress.close()
})

test('a pipe gets plain lines when a task starts and ends, and nothing else', () => {
  const stream = screen({ isTerminal: false })
  const progress = openProgress({ ...quietly, stream })
  for (const event of imath) progress.emit(event)
  progress.emit({ kind: 'progress', task: 'imath', done: 1, total: 2, unit: 'steps' })
  progress.emit({ kind: 'end', task: 'imath', outcome: 'done', durationMs: 61_000, note: 'ccache' })
  progress.close()

  expect(stream.written.join('')).toBe(
    'imath 3.1.6: started\nimath 3.1.6: done in 1 min 01 s (ccache)\n',
  )
})

test('words of others in a warning turn no text and begin no line', () => {
  const stream = screen({})
  const progress = openProgress({ ...quietly, stream })
  const text = 'it said \u001B[31mred\u001B]0;title\u0007\nwarning: forged\r\u009B1m'
  progress.emit({ kind: 'warning', text, hints: ['\u001B[2Jclear'] })
  progress.close()
  expect(stream.lines()).toEqual(['warning: it said red', '  warning: forged', '  hint: clear'])
})

test('--verbose prints the log with the package in front; --quiet prints warnings only', () => {
  const loud = screen({})
  const quiet = screen({})
  const all = [...imath, { kind: 'warning', text: 'careful', hints: [] }] as const
  for (const [stream, options] of [
    [loud, { verbose: true }],
    [quiet, { quiet: true, verbose: true }],
  ] as const) {
    const progress = openProgress({ ...quietly, ...options, stream })
    for (const event of all) progress.emit(event)
    progress.close()
  }

  expect(loud.lines()).toEqual([
    'imath 3.1.6: started',
    'imath 3.1.6: compile',
    'imath 3.1.6 | [3/9] Building CXX half.cpp.o',
    'warning: careful',
  ])
  expect(quiet.lines()).toEqual(['warning: careful'])
})

test('no line is ever wider than the terminal, whatever is logged, and closing clears all', () => {
  const task = constantFrom('a', 'b', 'c')
  const text = string({ unit: 'binary', maxLength: 120 })
  const event: Arbitrary<WorkEvent> = oneof(
    record({ kind: constant('start' as const), task, label: text }),
    record({ kind: constant('phase' as const), task, phase: text }),
    record({ kind: constant('line' as const), task, text }),
    record({
      kind: constant('end' as const),
      task,
      outcome: constantFrom('done' as const, 'reused' as const),
      durationMs: nat(),
      note: text,
    }),
  )
  const holds = property(
    array(event, { maxLength: 30 }),
    integer({ min: 20, max: 90 }),
    (events, columns) => {
      const stream = screen({ columns })
      const progress = openProgress({ ...quietly, stream, nowMs: () => 0 })
      for (const one of events) {
        progress.emit(one)
        expect(Math.max(0, ...stream.lines().map(width))).toBeLessThanOrEqual(columns)
      }
      progress.close()
      expect(stream.lines()).toEqual([])
      expect(stream.cursor()).toBe(true)
    },
  )
  assert(holds, { numRuns: 200 })
})
