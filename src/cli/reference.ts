/**
 * docs/cli.md: the whole tree of commands as Markdown.
 */
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { buildProgram } from './program.ts'

/** The text of docs/cli.md; `npm run generate` writes it and CI compares it. */
export function cliReference(): string {
  const program = buildProgram()
  const rows = leaves(program).map(
    ({ path, command }) =>
      `| [\`${path}\`](#${path.replaceAll(' ', '-')}) | ${command.summary()} |`,
  )
  return `# Commands

Made by \`npm run generate\` from the program; \`backlot help COMMAND\` prints the same.

Exit codes: 0; 1 when the answer is no or the work failed; 2 when the command line or an input
file is wrong; 130 when it was cancelled; for \`run\`, \`shell\` and \`debug\` the child's own, or 127
when there is no such program and 126 when it cannot be run.
Results go to stdout, everything else to stderr. \`--format json\` prints exactly one document
there, and on stderr an error as \`{"error":{"code","message","hints"}}\`, warnings and notes
likewise, one a line.

| command | what it does |
| --- | --- |
${rows.join('\n')}

## Environment variables

| variable | meaning |
| --- | --- |
| \`BACKLOT_HOME\` | the local store (default \`~/.local/share/backlot\`) |
| \`BACKLOT_PLAIN_HTTP\` | registries that are spoken to without TLS, as \`HOST:PORT,HOST:PORT\`; those of this machine always are |
| \`DOCKER_CONFIG\` | folder of the \`config.json\` with credentials for registries (default \`~/.docker\`) |
| \`REGISTRY_AUTH_FILE\` | a file like it, as podman, skopeo and buildah write it; theirs are read wherever they keep them |
| \`BACKLOT_OVERRIDE_GLIBC\` | solve as if the machine had this version of glibc; likewise \`_LINUX\`, \`_CUDA\`, \`_ARCHSPEC\` |
| \`NODE_EXTRA_CA_CERTS\` | a PEM file with certificates to trust besides those of public authorities |
| \`NO_COLOR\` | no colours |

## Shared options

${optionTable(program, (group) => group === 'Shared options:')}

${leaves(program).map(section).join('\n')}`
}

interface Leaf {
  readonly path: string
  readonly command: CommandUnknownOpts
}

function leaves(program: CommandUnknownOpts): Leaf[] {
  const below = (command: CommandUnknownOpts, lead: string): Leaf[] => {
    const path = `${lead} ${command.name()}`
    if (command.commands.length === 0) return [{ path, command }]
    return command.commands.flatMap((child) => below(child, path))
  }
  return program.commands.flatMap((command) => below(command, 'backlot'))
}

function section({ path, command }: Leaf): string {
  const lead = path.slice(0, path.length - command.name().length)
  const args = command.registeredArguments.map((argument) => {
    const choices = argument.argChoices?.join(', ')
    const name = `\`${argument.name()}\``
    const text =
      choices === undefined ? argument.description : `${argument.description}: ${choices}`
    const value: unknown = argument.defaultValue
    return `- ${name}: ${text}${typeof value === 'string' ? ` (default \`${value}\`)` : ''}`
  })
  const options = optionTable(command, (group) => group === undefined)
  return [
    `## ${path}`,
    command.description(),
    `\`${lead}${command.name()} ${command.usage()}\``,
    args.join('\n'),
    options,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

function optionTable(
  command: CommandUnknownOpts,
  wanted: (group: string | undefined) => boolean,
): string {
  const rows = command.options
    .filter((option) => !option.hidden && wanted(option.helpGroupHeading))
    .map((option) => {
      const choices = option.argChoices === undefined ? '' : `: ${option.argChoices.join(', ')}`
      const value: unknown = option.defaultValue
      const shown = typeof value === 'string' || typeof value === 'number'
      const text = `${option.description}${choices}${shown ? ` (default \`${value}\`)` : ''}`
      return `| \`${option.flags}\` | ${text.replaceAll('|', '\\|')} |`
    })
  if (rows.length === 0) return ''
  return `| option | meaning |\n| --- | --- |\n${rows.join('\n')}`
}
