import { describe, expect, test } from 'bun:test'
import type { BuildResult, LockResult } from '#app/index.ts'
import { AppError, type Digest } from '#kernel/index.ts'
import type { SharedOptions } from './options.ts'
import { openPrinter } from './printer.ts'
import { buildText } from './render/build.ts'
import { lockText } from './render/lock.ts'
import { screen } from './screen.fixture.ts'

const text: SharedOptions = {
  format: 'text',
  color: 'never',
  quiet: false,
  verbose: false,
  directory: undefined,
}
const digest: Digest = `sha256:${'0123456789abcdef'.repeat(4)}`

function open(
  options: Partial<SharedOptions> = {},
  signal = new AbortController().signal,
  size: Parameters<typeof screen>[0] = {},
) {
  const stdout = screen(size)
  const stderr = screen(size)
  const print = openPrinter({ stdout, stderr, env: {}, signal }, { ...text, ...options })
  return { print, stdout, stderr }
}

const locked: LockResult = {
  path: '/p/backlot.lock',
  changed: true,
  environment: 'default',
  target: 'linux-x86_64',
  packages: [{ name: 'imath', version: '3.1.6', kind: 'recipe', depends: [] }],
  changes: [
    { name: 'imath', after: '3.1.6', what: 'added' },
    { name: 'openexr', before: '3.1.4', after: '3.1.5', what: 'upgraded' },
  ],
}

describe('results', () => {
  test('text goes to stdout, with nothing on stderr', () => {
    const { print, stdout, stderr } = open()
    print.result(locked, lockText)

    expect(stdout.lines()).toEqual([
      'Locked default for linux-x86_64: 1 package',
      '  + imath    3.1.6',
      '  ↑ openexr  3.1.4 → 3.1.5',
      '1 package is still to be built: `backlot build`',
    ])
    expect(stderr.written).toEqual([])
  })

  test('JSON is the result itself', () => {
    const { print, stdout } = open({ format: 'json' })
    print.result(locked, lockText)
    expect(JSON.parse(stdout.written.join(''))).toEqual(locked)
  })

  test('a «no» is exit code 1: sentences on stderr, or in the document', () => {
    const unsolvable = {
      sentences: ['a needs b 2', 'b 2 does not exist'],
      causes: [],
      fixes: [{ text: 'leave out a: gives c 1', changes: [], gives: [] }],
      hints: ['Ask for b 1.'],
    }
    const result = { ...locked, unsolvable }
    const asText = open()
    const asJson = open({ format: 'json' })

    expect(asText.print.answer(result, unsolvable, lockText)).toBe(1)
    expect(asJson.print.answer(result, unsolvable, lockText)).toBe(1)

    expect(asText.stdout.written).toEqual([])
    expect(asText.stderr.lines()).toEqual([
      'error[cli/unsolvable]: no set of packages satisfies the request',
      '  a needs b 2',
      '  b 2 does not exist',
      '  fix: leave out a: gives c 1',
      '  hint: Ask for b 1.',
    ])
    expect(JSON.parse(asJson.stdout.written.join(''))).toEqual(result)
  })

  test('explanations are broken between words on a terminal, and left whole elsewhere', () => {
    const sentences = ['There are two separate causes.', '1: You ask for openexr.', '   Because a.']
    const fixes = [{ text: 'leave out openexr: gives imath 3', changes: [], gives: [] }]
    const hints = ["Did you mean 'openexr' or another one?"]
    const unsolvable = { sentences, causes: [], fixes, hints }
    const { signal } = new AbortController()
    const narrow = open({}, signal, { columns: 24 })
    const piped = open({}, signal, { columns: 24, isTerminal: false })

    narrow.print.answer(locked, unsolvable, lockText)
    piped.print.answer(locked, unsolvable, lockText)

    expect(narrow.stderr.lines()).toEqual([
      'error[cli/unsolvable]:',
      '  no set of packages',
      '  satisfies the request',
      '  There are two separate',
      '    causes.',
      '  1: You ask for',
      '       openexr.',
      '     Because a.',
      '  fix: leave out',
      '       openexr: gives',
      '       imath 3',
      '  hint: Did you mean',
      "        'openexr' or",
      '        another one?',
    ])
    expect(piped.stderr.lines()).toHaveLength(6)
  })

  test('the table of a build is aligned, warnings below it', () => {
    const { print, stdout } = open()
    const result: BuildResult = {
      built: 1,
      durationMs: 31_200,
      packages: [
        {
          name: 'libdeflate',
          version: '1.14',
          outcome: 'built',
          build: digest,
          sizeBytes: 310_000,
          durationMs: 2300,
          warnings: ['told while it was built'],
        },
        {
          name: 'imath',
          version: '3.1.6',
          outcome: 'reused',
          durationMs: 0,
          warnings: ['no licence file was found'],
        },
        { name: 'zlib', version: '1.3', outcome: 'system', durationMs: 0, warnings: [] },
      ],
    }
    print.result(result, buildText)

    expect(stdout.lines()).toEqual([
      '  built   libdeflate  1.14   0123456789ab  310 kB  2.3 s',
      '  reused  imath       3.1.6',
      '  system  zlib        1.3',
      'warning: imath 3.1.6: no licence file was found',
      '1 built, 1 reused, 1 from the system in 31.2 s',
    ])
  })

  test('colours only where they are wanted', () => {
    const colored = open({ color: 'always' })
    colored.print.result(locked, lockText)
    expect(colored.stdout.written.join('')).toContain('\u001b[1mdefault\u001b[22m')
  })
})

describe('errors', () => {
  const error = new AppError('cli/not-locked', 'backlot.lock is old\n\n  3 | imath', {
    hints: ['Run `backlot lock`.'],
  })

  test('code, sentence, excerpt and hints go to stderr; the catalogue has the exit code', () => {
    const { print, stdout, stderr } = open()
    expect(print.error(error)).toBe(1)
    expect(stdout.written).toEqual([])
    expect(stderr.lines()).toEqual([
      'error[cli/not-locked]: backlot.lock is old',
      '',
      '    3 | imath',
      '  hint: Run `backlot lock`.',
    ])
  })

  test('as JSON they are one document on stderr', () => {
    const { print, stderr } = open({ format: 'json' })
    print.error(error)
    const { code, message, hints } = error
    expect(JSON.parse(stderr.written.join(''))).toEqual({ error: { code, message, hints } })
  })

  test('what a log says moves no cursor and names no window', () => {
    const { print, stderr } = open()
    print.error(
      new AppError('build/failed', 'a failed:\n\u001b]0;evil\u0007\u001b[2Jred\r\u009b1m'),
    )

    // oxlint-disable-next-line no-control-regex -- these are what must not come through
    expect(stderr.written.join('')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  })

  test('what nobody expected is told as a fault of ours', () => {
    const { print, stderr } = open()
    expect(print.error(new TypeError('x is undefined'))).toBe(1)
    expect(stderr.lines()[0]).toBe('error[cli/internal]: TypeError: x is undefined')
  })

  test('what the system refuses is told as such, wherever it came from', () => {
    const { print, stderr } = open()
    expect(print.error(Object.assign(new Error('no'), { code: 'ENOSPC', path: '/x' }))).toBe(1)
    expect(stderr.lines()[0]).toBe('error[kernel/no-space]: No space left for /x')
  })

  test('after Ctrl-C every failure is 130, after SIGTERM 143', () => {
    for (const code of [130, 143]) {
      const controller = new AbortController()
      controller.abort(code)
      const { print } = open({}, controller.signal)
      expect(print.error(new AppError('kernel/cancelled', 'cc was cancelled'))).toBe(code)
      expect(print.error(new Error('socket closed'))).toBe(code)
    }
  })

  test('as JSON, stderr holds nothing but documents, one a line', () => {
    const stderr = screen({ isTerminal: false })
    const { signal } = new AbortController()
    const streams = { stdout: screen({}), stderr, env: {}, signal }
    const print = openPrinter(streams, { ...text, format: 'json' })
    print.emit({ kind: 'start', task: 'imath', label: 'imath 3.1.6' })
    print.emit({ kind: 'warning', text: 'unsandboxed', hints: [] })
    print.notice('namespaces are refused')
    print.error(error)
    expect(stderr.lines().map((line) => Object.keys(JSON.parse(line))[0])).toEqual([
      'warning',
      'note',
      'error',
    ])
  })

  test('--verbose adds where it came from', () => {
    const { print, stderr } = open({ verbose: true })
    print.error(new AppError('kernel/locked', 'held', { cause: new Error('SQLITE_BUSY') }))
    expect(stderr.written.join('')).toContain('Error: SQLITE_BUSY')
  })
})
