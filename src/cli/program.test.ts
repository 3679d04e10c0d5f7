import { describe, expect, test } from 'bun:test'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { completionScript, shells } from './completion.ts'
import { sharedOf } from './options.ts'
import { buildProgram } from './program.ts'
import { cliReference } from './reference.ts'

function all(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(all)]
}

describe('every command', () => {
  test.each(
    all(buildProgram())
      .slice(1)
      .map((command) => [command.name(), command] as const),
  )('%s has a summary, an argument text each, and the shared options', (_name, command) => {
    expect(command.summary()).not.toBe('')
    expect(command.registeredArguments.map((one) => one.description)).not.toContain('')
    expect(command.options.map((one) => one.description)).not.toContain('')
    expect(command.options.map((one) => one.long)).toContain('--format')
  })
})

test.each([
  [['--format', 'json', '-C', 'x', 'list'], 'json', 'x'],
  [['list', '--format', 'json', '-C', 'x'], 'json', 'x'],
  [['--format', 'json', 'list', '--format', 'text'], 'text', undefined],
  [['store', '-C', 'y', 'verify'], 'text', 'y'],
])(
  '%j: shared options may stand anywhere, the last one counts',
  async (argv, format, directory) => {
    let seen: unknown
    const program = buildProgram(async (command) => {
      seen = sharedOf(command)
    })
    await program.parseAsync([...argv], { from: 'user' })
    expect(seen).toMatchObject({ format, directory })
  },
)

test('what follows the program of `run` belongs to the program', async () => {
  let seen: readonly string[] = []
  const program = buildProgram(async (command) => {
    seen = command.args
  })
  await program.parseAsync(['run', '-e', 'x', 'cmake', '--version', '-e', 'y'], { from: 'user' })
  expect(seen).toEqual(['cmake', '--version', '-e', 'y'])
  await program.parseAsync(['run', '--', '--odd', '-q'], { from: 'user' })
  expect(seen).toEqual(['--odd', '-q'])
})

test('the reference has a section for each command', () => {
  const reference = cliReference()
  const leaves = all(buildProgram()).filter((command) => command.commands.length === 0)
  for (const leaf of leaves)
    expect(reference).toMatch(new RegExp(`^## backlot .*${leaf.name()}$`, 'm'))
})

test.each(shells)('the %s script names every command', (shell) => {
  const script = completionScript(buildProgram(), shell)
  for (const command of all(buildProgram()).slice(1)) expect(script).toContain(command.name())
})

test('each command can be made alone, by its name', () => {
  const names = buildProgram().commands.map((command) => command.name())
  for (const name of names.filter((one) => one !== 'help' && one !== 'completion'))
    expect(buildProgram(undefined, undefined, name).commands.map((one) => one.name())).toEqual([
      name,
    ])
  expect(buildProgram(undefined, undefined, 'sovle').commands).toHaveLength(names.length)
})
