import { expect } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { launchVariables, type LaunchVariables, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { type Shell, shellCommand } from './shell.ts'

const variables: LaunchVariables = {
  set: { BACKLOT_ENVIRONMENT: 'lookdev', GREETING: "it's $HOME" },
  prepend: { PATH: ['/opt/view/bin'], MANPATH: ['/opt/view/share/man'] },
}

/** The user's own files: they set the PATH anew, as some do, and have a prompt of their own. */
const dotfiles: Readonly<Record<Shell, Readonly<Record<string, string>>>> = {
  bash: {
    '.bashrc': 'PATH=/usr/bin:/opt/view/bin:/bin\nPS1="own> "\nalias mine="echo my-alias"\n',
  },
  zsh: {
    '.zshenv': 'export FROM_ZSHENV=yes\n',
    '.zshrc': 'PATH=/usr/bin:/opt/view/bin:/bin\nPROMPT="own> "\nalias mine="echo my-alias"\n',
  },
  fish: {
    '.config/fish/config.fish':
      'set -gx PATH /usr/bin /opt/view/bin /bin\nfunction fish_prompt; printf "own> "; end\nalias mine "echo my-alias"\n',
  },
}

/** Colours, titles, cursor moves and lone returns, which shells differ in. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const controls = /\u001B(?:\[[0-9;?]*[A-Za-z]|\(B|\][^\u0007]*\u0007)|\r/g

/** Types each line when the prompt is there, and gives all that the terminal showed. */
async function converse(
  argv: readonly string[],
  options: { readonly env: Record<string, string>; readonly lines: readonly string[] },
): Promise<{ readonly shown: string; readonly exitCode: number }> {
  let shown = ''
  let prompts = 0
  const left = [...options.lines]
  const child = Bun.spawn([...argv], {
    env: options.env,
    cwd: options.env['HOME'] ?? '/',
    terminal: {
      cols: 160,
      rows: 50,
      data(terminal, bytes) {
        shown += Buffer.from(bytes).toString()
        // Fish asks what the terminal can do and waits for the answer.
        if (Buffer.from(bytes).includes('\u001b[c')) terminal.write('\u001b[?62;c')
        const now = shown.split('own> ').length - 1
        if (now <= prompts) return
        prompts = now
        const line = left.shift()
        if (line !== undefined) terminal.write(`${line}\r`)
      },
    },
  })
  return { exitCode: await child.exited, shown: shown.replaceAll(controls, '') }
}

function home(folder: string, shell: Shell): void {
  for (const [name, text] of Object.entries(dotfiles[shell])) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

for (const shell of ['bash', 'zsh', 'fish'] as const)
  outside([shell])(`${shell}: own start-up files, prompt, variables, exit code`, async () => {
    using folder = temporaryFolder()
    home(folder.path, shell)
    const program = Bun.which(shell) ?? shell
    const command = shellCommand({
      variables,
      name: 'look dev$(id)',
      shell,
      program,
      folder: join(folder.path, 'backlot'),
    })
    const base = { HOME: folder.path, PATH: '/usr/bin:/bin', TERM: 'xterm', LC_ALL: 'C.UTF-8' }
    const env = { ...launchVariables(variables, base), ...command.set }
    const { exitCode, shown } = await converse(command.argv, {
      env,
      lines: [
        'env | grep --color=never -E "^(PATH|MANPATH|GREETING|ZDOTDIR)="',
        'mine',
        'false',
        'exit 7',
      ],
    })
    expect(shown).toContain('(look_dev__id_) own> ')
    expect(shown).toContain('PATH=/opt/view/bin:/usr/bin:/bin\n')
    expect(shown).toContain('MANPATH=/opt/view/share/man:')
    expect(shown).toContain("GREETING=it's $HOME\n")
    expect(shown).toMatch(/^my-alias$/m)
    expect(shown).not.toContain('ZDOTDIR=/')
    expect(shown).not.toContain('__backlot_front')
    expect(exitCode).toBe(7)
    for (const [name, text] of Object.entries(dotfiles[shell]))
      expect(readFileSync(join(folder.path, name), 'utf8')).toBe(text)
  })

outside(['bash'])('start-up files are written once for each content', () => {
  using folder = temporaryFolder()
  const options = {
    variables,
    name: 'a',
    shell: 'bash',
    program: 'bash',
    folder: folder.path,
  } as const
  shellCommand(options)
  shellCommand(options)
  expect(readdirSync(folder.path)).toHaveLength(1)
  shellCommand({ ...options, name: 'b' })
  expect(readdirSync(folder.path)).toHaveLength(2)
})
