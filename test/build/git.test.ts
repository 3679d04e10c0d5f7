/** Sources in git: annotated tags, submodules, offline, and links that lead in circles. */
import { expect, setDefaultTimeout } from 'bun:test'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runOrThrow } from '#kernel/index.ts'
import { outside } from '../outside.ts'
import { type Bench, bench, make, path, recipe, script } from './harness.ts'

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
  mkdirSync(folder, { recursive: true })
  await git(folder, 'init', '-q')
  writeFileSync(join(folder, file), file)
  await git(folder, 'add', '.')
  await git(folder, 'commit', '-q', '-m', 'one')
}

/** A recipe of this commit, whose script checks what arrived. */
function ofCommit(
  source: { readonly git: string; readonly commit: string; readonly submodules: boolean },
  checks: string,
) {
  const install = 'mkdir -p $DESTDIR/usr/local/share; cp top.txt $DESTDIR/usr/local/share'
  return recipe({
    name: 'tagged',
    sources: [{ kind: 'git', ...source, strip: 0 }],
    steps: script(`test -z "$(find . -name .git)"\n${checks}\n${install}`),
  })
}

/** Repositories beside a home: `top` has `mods/below` by `address`, which has `deep` by `../deep`. */
async function repositories(place: Bench, address: (folder: string) => string) {
  const folder = join(place.home, '../origin')
  const [top, below, deep] = ['top', 'below', 'deep'].map((name) => join(folder, name))
  await repository(deep ?? '', 'deep.txt')
  await repository(below ?? '', 'below.txt')
  await git(below ?? '', 'submodule', '--quiet', 'add', '../deep', 'deep')
  await git(below ?? '', 'commit', '-q', '-m', 'two')
  await repository(top ?? '', 'top.txt')
  await git(top ?? '', 'submodule', '--quiet', 'add', `file://${below}`, 'mods/below')
  await git(top ?? '', 'config', '-f', '.gitmodules', 'submodule.mods/below.url', address(folder))
  symlinkSync('.', join(top ?? '', 'loop'))
  await git(top ?? '', 'add', '.')
  await git(top ?? '', 'commit', '-q', '-m', 'two')
  await git(top ?? '', 'tag', '-a', 'v1', '-m', 'v1')
  const commit = await git(top ?? '', 'rev-parse', 'v1')
  return { folder, git: `file://${top}`, commit }
}

test('an annotated tag gives its commit, with the time of the commit', async () => {
  using place = await bench()
  const { git: url, commit } = await repositories(place, () => '../below')
  const checks = `test $SOURCE_DATE_EPOCH = ${when}; test -h loop
    test "$(date -r top.txt +%s)" = ${when}; test -z "$(ls mods/below)"`

  const built = await make(place, ofCommit({ git: url, commit, submodules: false }, checks))

  expect(built.config.epoch).toBe(when)
})

test('submodules of submodules come along, and are kept for when there is no network', async () => {
  using place = await bench()
  const from = await repositories(place, (folder) => `file://${folder}/below`)
  const checks = `grep -q below mods/below/below.txt; grep -q deep mods/below/deep/deep.txt
    test "$(date -r mods/below/deep/deep.txt +%s)" = ${when}`
  const asked = ofCommit({ git: from.git, commit: from.commit, submodules: true }, checks)

  const built = await make(place, asked)
  rmSync(from.folder, { recursive: true })
  const again = await make(place, asked, { force: true })

  expect(again).toMatchObject({ outcome: 'built', layer: built.layer })
})

test('a submodule that is not needed, or not there, does not harm', async () => {
  using place = await bench()
  const from = await repositories(place, () => '../below')
  const top = join(from.folder, 'top')
  await git(top, 'config', '-f', '.gitmodules', 'submodule.mods/below.update', 'none')
  await git(top, 'config', '-f', '.gitmodules', 'submodule.gone.path', 'gone')
  await git(top, 'config', '-f', '.gitmodules', 'submodule.gone.url', '../gone')
  await git(top, 'commit', '-q', '-a', '-m', 'three')
  const commit = await git(top, 'rev-parse', 'HEAD')

  const checks = 'test -z "$(ls mods/below)"; test ! -e gone'
  await make(place, ofCommit({ git: from.git, commit, submodules: true }, checks))
})

test.each(['ext::sh -c touch% made', '--upload-pack=touch made', '/etc', 'file:///etc'])(
  'a submodule at %p is refused for a repository of the network',
  async (address) => {
    using place = await bench()
    const from = await repositories(place, () => address)
    // The clone of an address that cannot be reached, as a build that had it would have left it.
    const url = 'https://127.0.0.1:9/top.git'
    const name = new Bun.CryptoHasher('sha256').update(url).digest('hex')
    const clone = join(place.home, 'cache/git', name)
    await git(from.folder, 'clone', '-q', '--bare', join(from.folder, 'top'), clone)

    const building = make(place, ofCommit({ git: url, commit: from.commit, submodules: true }, ''))

    await expect(building).rejects.toMatchObject({
      code: 'build/source-missing',
      message: expect.stringContaining(`the address of its submodule 'mods/below' is '${address}'`),
    })
    expect(existsSync('made')).toBe(false)
  },
)

test('a repository of somebody else: what helps, as safe.directory does not', async () => {
  const others = { PATH: path, GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' }
  using place = await bench({ env: others })
  const { git: url, commit } = await repositories(place, () => '../below')

  const building = make(place, ofCommit({ git: url, commit, submodules: false }, ''))

  await expect(building).rejects.toMatchObject({
    code: 'build/source-missing',
    message: expect.stringMatching(/: fatal: detected dubious ownership/),
    hints: [expect.stringContaining('clone the repository as your user')],
  })
})
