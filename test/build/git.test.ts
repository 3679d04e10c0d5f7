/** Sources in git: annotated tags, submodules, and links that lead in circles. */
import { expect, setDefaultTimeout } from 'bun:test'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runOrThrow } from '#kernel/index.ts'
import { outside } from '../outside.ts'
import { bench, make, path, recipe, script } from './harness.ts'

const test = outside(['git', 'namespaces'])
setDefaultTimeout(60_000)

const when = 1_580_601_600
const stamp = `@${when} +0000`
const who = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@a', GIT_AUTHOR_DATE: stamp }
const env = { ...who, GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@a', PATH: path, HOME: '/' }

async function git(folder: string, ...argv: string[]): Promise<string> {
  const options = ['-C', folder, '-c', 'protocol.file.allow=always']
  const all = { ...env, GIT_COMMITTER_DATE: stamp }
  return (await runOrThrow(['git', ...options, ...argv], { env: all })).stdout.trim()
}

async function repository(folder: string, file: string): Promise<void> {
  mkdirSync(folder)
  await git(folder, 'init', '-q')
  writeFileSync(join(folder, file), file)
  await git(folder, 'add', '.')
  await git(folder, 'commit', '-q', '-m', 'one')
}

test('an annotated tag gives its commit, with submodules and the time of the commit', async () => {
  using place = await bench()
  const top = join(place.home, '..', 'top')
  const below = join(place.home, '..', 'below')
  await repository(top, 'top.txt')
  await repository(below, 'below.txt')
  await git(top, 'submodule', '--quiet', 'add', `file://${below}`, 'mods/below')
  symlinkSync('.', join(top, 'loop'))
  await git(top, 'add', '.')
  await git(top, 'commit', '-q', '-m', 'two')
  await git(top, 'tag', '-a', 'v1', '-m', 'v1')
  const commit = await git(top, 'rev-parse', 'v1')
  const checked = script(`test $SOURCE_DATE_EPOCH = ${when}; test -e top.txt; test -h loop
    test "$(date -r top.txt +%s)" = ${when}; test -z "$(find . -name .git)"
    test "$WITH" = false -o -e mods/below/below.txt
    mkdir -p $DESTDIR/usr/local/share; cp top.txt $DESTDIR/usr/local/share`)

  for (const submodules of [false, true]) {
    const source = { kind: 'git', git: `file://${top}`, commit, submodules, strip: 0 } as const
    const environment = { WITH: String(submodules) }
    const asked = recipe({ name: 'tagged', sources: [source], steps: checked, environment })

    expect((await make(place, asked)).config.epoch).toBe(when)
  }
})
