/** Completion in the real shells. */
import { expect } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildProgram } from '#cli/index.ts'
import { outside } from '../outside.ts'
import { openProject, type Project } from './harness.ts'

const commands = buildProgram()
  .commands.map((command) => command.name())
  .sort()

async function script(project: Project, shell: string): Promise<string> {
  const path = join(project.folder, `completion.${shell}`)
  writeFileSync(path, (await project.backlot('completion', shell)).stdout)
  return path
}

function output(argv: readonly string[], project: Project): string[] {
  const { env, folder } = project
  const { stdout, stderr } = Bun.spawnSync([...argv], { env, cwd: folder })
  expect(stderr.toString()).toBe('')
  return stdout.toString().split('\n').filter(Boolean).sort()
}

async function inBash(project: Project, ...words: string[]): Promise<string[]> {
  const list = words.map((word) => `'${word}'`).join(' ')
  const body = `source ${await script(project, 'bash')}
    COMP_WORDS=(backlot ${list}); COMP_CWORD=${words.length}; _backlot 2>/dev/null
    printf '%s\\n' "\${COMPREPLY[@]}"`
  return output(['bash', '-c', body], project)
}

outside(['bash'])('bash completes commands, options and their values', async () => {
  using project = openProject()
  expect(await inBash(project, '')).toEqual(commands)
  expect(await inBash(project, 'bu')).toEqual(['build'])
  expect(await inBash(project, 'image', '')).toEqual(['build'])
  expect(await inBash(project, 'lock', '--fr')).toEqual(['--frozen'])
  expect(await inBash(project, 'list', '--format', '')).toEqual(['json', 'text'])
  expect(await inBash(project, 'build', '')).toEqual([])
})

async function inFish(project: Project, line: string): Promise<string[]> {
  const body = `source ${await script(project, 'fish')}; complete -C '${line}'`
  return output(['fish', '--no-config', '-c', body], project).map((row) => row.split('\t')[0] ?? '')
}

outside(['fish'])('fish completes commands, options and their values', async () => {
  using project = openProject()
  expect(await inFish(project, 'backlot ')).toEqual(commands)
  expect(await inFish(project, 'backlot image b')).toEqual(['build'])
  expect(await inFish(project, 'backlot image build --entry')).toEqual(['--entrypoint'])
  expect(await inFish(project, 'backlot build --entry')).toEqual([])
  expect(await inFish(project, 'backlot list --format ')).toEqual(['json', 'text'])
})

outside(['zsh'])('zsh loads the script and registers the function', async () => {
  using project = openProject()
  const body = `autoload -U compinit; compinit -u -D; source ${await script(project, 'zsh')}
    print -r -- $_comps[backlot]; functions _backlot > /dev/null && print defined`
  expect(output(['zsh', '-f', '-c', body], project)).toEqual(['_backlot', 'defined'])
})
