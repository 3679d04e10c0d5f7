import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { temporaryFolder } from '#kernel/index.ts'
import oracle from '../../test/data/version-cases.json' with { type: 'json' }
import { outside } from '../../test/outside.ts'
import { variablesAfter, stepsOf } from './rex-apply.ts'
import { replay, type ReplayOptions } from './rex-replay.ts'
import { actionsOf } from './rex-source.ts'
import type { RunPackage } from './run-definition.ts'

const folder = temporaryFolder()

function packageOf(name: string, body: string): RunPackage {
  const base = `${folder.path}/${name}/1.2.3`
  return {
    name,
    version: '1.2.3',
    variant: null,
    repository: folder.path,
    base,
    file: `${name}/1.2.3/package.py`,
    requires: [],
    variantRequires: [],
    plainPath: () => '',
    hashPath: () => '',
    definition: {
      kind: 'read',
      attributes: new Map([['name', name]]),
      commands: { commands: { function: `def commands():\n${body}` } },
    },
  }
}

const settings = {
  separators: { CMAKE_MODULE_PATH: ';' },
  parentVariables: ['KEPT'],
  home: '/home/somebody',
}

const system = {
  platform: 'linux',
  arch: 'x86_64',
  os: 'Debian-12',
  variant: [],
  user: 'u',
  home: '/h',
  hostname: 'h',
  fqdn: 'h',
  domain: '',
  rez_version: '3.4.0',
}

function optionsOf(packages: readonly RunPackage[]): ReplayOptions {
  return {
    packages,
    request: ['one-1', '~two'],
    implicits: [],
    ephemerals: ['.eph-1'],
    building: false,
    optionvars: {},
    settings,
    path: process.env['PATH'] ?? '',
    parent: { HOME: '/home/somebody', KEPT: 'kept', A: 'outside' },
    first: () => [{ op: 'setenv', name: 'REZ_USED', key: 'REZ_USED', value: [[true, 'x']] }],
    system,
  }
}

const names = { field: () => 'x', building: false, has: () => false }

const text = fc
  .array(
    fc.constantFrom(
      'a',
      '{root}',
      '{version}',
      '{version.major}',
      '{this.name}',
      '$HOME',
      '${A}',
      '$B2',
      '~/',
      '{{',
      '}}',
      ' ',
      ';',
      ':',
      '{base}/lib',
      '{resolve.one.version.patch}',
      '\\',
      '#',
      '(',
    ),
    { maxLength: 5 },
  )
  .map((parts) => JSON.stringify(parts.join('')))
const name = fc.constantFrom('A', 'B', 'PATH', 'KEPT', 'CMAKE_MODULE_PATH')
const statement = fc.oneof(
  fc.tuple(name, text).map(([own, value]) => `env.${own} = ${value}`),
  fc
    .tuple(name, fc.constantFrom('append', 'prepend', 'set'), text)
    .map(([own, how, value]) => `env.${own}.${how}(${value})`),
  name.map((own) => `env.${own}.unset()  # away`),
  fc
    .tuple(fc.constantFrom('setenv', 'appendenv', 'prependenv'), name, text)
    .map(([how, own, value]) => `${how}('${own}',\n    ${value})`),
  fc.tuple(text, text).map(([a, b]) => `alias(${a}, ${b})`),
  fc
    .tuple(fc.constantFrom('info', 'error', 'comment', 'source', 'command'), text)
    .map(([how, value]) => `${how}(${value})`),
  fc.constantFrom('pass', '# said', '', '"a text"', 'unsetenv("A")', 'env.A = 12'),
)
const condition = fc.constantFrom(
  'building',
  'not building',
  '"one" in resolve',
  "'nothing' not in resolve",
  '"two" in request',
)
const indent = (lines: readonly string[]) => lines.map((line) => `    ${line}\n`).join('')
const body = fc.oneof(
  fc.array(statement, { minLength: 1 }).map((lines) => `${indent(lines)}    pass\n`),
  fc
    .tuple(condition, fc.array(statement), fc.array(statement))
    .map(
      ([when, a, b]) =>
        `    if ${when}:\n${indent(a.map((line) => `    ${line}`))}        pass\n    else:\n` +
        `${indent(b.map((line) => `    ${line}`))}        pass\n    env.C = "c"\n`,
    ),
)

describe('simple commands', () => {
  outside(['bwrap', 'python3', 'namespaces'])(
    'mean what Python says they mean',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(body, { minLength: 8, maxLength: 8 }), async (bodies) => {
          for (const own of bodies) expect(actionsOf(`def commands():\n${own}`, names)).toBeArray()
          const packages = bodies.map((own, at) => packageOf(at === 0 ? 'one' : `more${at}`, own))
          const read = await replay(optionsOf(packages))
          // An import is nothing, and needs Python.
          const other = packageOf('python', '    import os\n')
          const replayed = await replay(optionsOf([...packages, other]))
          expect(read.actions).toEqual(replayed.actions)
          const variables = variablesAfter(stepsOf(read.actions, settings), { A: 'x' }, '/h')
          if (variables !== undefined) expect(variables).toContainKey('REZ_USED')
        }),
        { numRuns: 25 },
      )
    },
    120_000,
  )

  test.each([
    'x = 1',
    'env.X = root',
    'env.X = "a" + "b"',
    'env.X = f"{root}"',
    'env.X += "a"',
    'for x in "ab":\n        pass',
    'import os',
    'env.X.append("a", "b")',
    'env._x = "a"',
    'if building: pass',
    'if 1:\n        pass',
    'env.X = "a"; env.Y = "b"',
    'return',
    'env.X = "{0}"',
    'env.X = "{root!r}"',
    'env.X = "{"',
    'info()',
    'env.X = True',
    'if building:\n    pass',
    'env.X.value()',
    'alias("a")',
    'env.X = "a" if building else "b"',
  ])('%j needs Python', (line) => {
    expect(actionsOf(`def commands():\n    ${line}\n`, names)).toBeUndefined()
  })
})

outside(['bwrap', 'python3', 'namespaces'])(
  'ranges meet in package code as they do in Rez',
  async () => {
    const pairs = oracle.range_ops.map(({ a, b }) => [a, b])
    const lines = `    pairs = ${JSON.stringify(pairs)}
    env.X = "".join("1" if intersects("foo@" + a, b) else "0" for a, b in pairs)\n`
    const { actions } = await replay(optionsOf([packageOf('one', lines)]))
    const value = actions.flatMap((one) =>
      one.op === 'setenv' && one.name === 'X' ? one.value : [],
    )
    const wanted = oracle.range_ops.map((one) => (one.intersects ? '1' : '0'))
    expect(value).toEqual([[false, wanted.join('')]])
  },
)
