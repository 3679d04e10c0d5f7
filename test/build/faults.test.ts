import { expect, setDefaultTimeout } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { buildGraph } from '#build/index.ts'
import { run, temporaryFolder, type WorkEvent } from '#kernel/index.ts'
import { openLayout } from '#oci/index.ts'
import { outside } from '../outside.ts'
import { until } from '../until.ts'
import { bench, type Bench, fixtures, make, path, recipe, script } from './harness.ts'

const test = outside(['g++', 'namespaces'])
setDefaultTimeout(120_000)
const folder = join(fixtures, 'greeting')

const install = 'mkdir -p $DESTDIR/usr/local; echo 1 > $DESTDIR/usr/local/one'

/** Resolves when an event comes for which `wanted` holds. */
function seen(place: Bench, wanted: (event: WorkEvent) => boolean) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const emit = (event: WorkEvent) => {
    place.events.push(event)
    if (wanted(event)) resolve()
  }
  return { promise, place: { ...place, context: { ...place.context, emit } } }
}

/** Processes whose command line has this word. */
function processes(word: string): string[] {
  return readdirSync('/proc').filter((id) => {
    try {
      return /^\d+$/.test(id) && readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(word)
    } catch {
      return false // It ended meanwhile.
    }
  })
}

/** Waits until the kernel has ended them all. */
const gone = (word: string) => until(() => processes(word).length === 0)

test('a cancelled build leaves no process, no workspace and no tag', async () => {
  using place = await bench()
  const word = `sleeper-${crypto.randomUUID()}`
  const slow = recipe({ name: 'slow', steps: script(`: ${word}; echo ready; sleep 600`) })
  const watched = seen(place, (event) => event.kind === 'line' && event.text === 'ready')

  const building = make(watched.place, slow, { folder })
  await watched.promise
  expect(processes(word).length).toBeGreaterThan(0)
  place.controller.abort()

  await expect(building).rejects.toMatchObject({ code: 'kernel/cancelled' })
  await gone(word)
  expect(readdirSync(join(place.home, 'builds')).filter((name) => !/lock/.test(name))).toEqual([])
  expect(openLayout(place.home, place.context.store.blobs).tags()).toEqual([])
  expect(place.events.at(-1)).toMatchObject({ kind: 'end', outcome: 'cancelled' })
})

const src = join(import.meta.dir, '..', '..', 'src')

/** A program that builds `slow` below a home and says when the step runs. */
function buildingProgram(home: string, word: string): string {
  return `
import { buildOne, detectToolchain } from '${src}/build/index.ts'
import { systemClock } from '${src}/kernel/index.ts'
import { openStore } from '${src}/store/index.ts'
import { recipe, script } from '${src}/../test/build/harness.ts'
const path = ${JSON.stringify(path)}
const text = ': ${word}; echo ready; sleep 600; ${install}'
await buildOne({
  home: ${JSON.stringify(home)}, store: openStore(${JSON.stringify(home)}), createdBy: 'backlot 0',
  toolchain: await detectToolchain({ path }), sandbox: 'bubblewrap', jobs: 1, mirrors: [],
  env: { PATH: path }, signal: new AbortController().signal, clock: systemClock,
  emit: (event) => { if (event.kind === 'line') console.log(event.text) },
}, {
  recipe: recipe({ name: 'slow', sources: [], steps: script(text) }),
  folder: '/', dependencies: [], system: [],
})`
}

test('after kill -9 nothing of the build runs on, and the same build then works', async () => {
  using place = await bench()
  using scripts = temporaryFolder()
  const word = `sleeper-${crypto.randomUUID()}`
  const program = join(scripts.path, 'build.ts')
  writeFileSync(program, buildingProgram(place.home, word))
  const child = Bun.spawn([process.execPath, program], { stdout: 'pipe', env: { PATH: path } })
  for await (const chunk of child.stdout)
    if (new TextDecoder().decode(chunk).includes('ready')) break
  child.kill('SIGKILL')
  await child.exited

  await gone(word)
  const text = `: ${word}; echo ready; sleep 600; ${install}`
  const again = recipe({ name: 'slow', sources: [], steps: script(text) })
  const started = seen(place, (event) => event.kind === 'line' && event.text === 'ready')
  const building = make(started.place, again, { folder: '/' })
  await started.promise
  place.controller.abort()

  await expect(building).rejects.toMatchObject({ code: 'kernel/cancelled' })
})

test('two that build the same at once build it once', async () => {
  using place = await bench()
  const once = recipe({ name: 'once', steps: script(`sleep 0.2; ${install}`) })

  const results = await Promise.all([make(place, once, { folder }), make(place, once, { folder })])

  expect(results.map(({ outcome }) => outcome).sort()).toEqual(['built', 'reused'])
  expect(results[0].manifest).toBe(results[1].manifest)
})

test('one failure in a graph stops only what needs it', async () => {
  using place = await bench()
  const fails = recipe({ name: 'fails', steps: script('exit 1') })
  const works = recipe({ name: 'works', steps: script(install) })
  const request = (asked: typeof fails) => () => ({
    recipe: asked,
    folder,
    dependencies: [],
    system: [],
  })

  const outcomes = await buildGraph(
    place.context,
    [
      { name: 'above', needs: ['middle'], request: request(works) },
      { name: 'middle', needs: ['fails', 'works'], request: request(works) },
      { name: 'fails', needs: [], request: request(fails) },
      { name: 'works', needs: [], request: request(works) },
    ],
    { parallel: 2 },
  )

  expect(outcomes.get('works')?.kind).toBe('done')
  expect(outcomes.get('fails')).toMatchObject({ kind: 'failed', error: { code: 'build/failed' } })
  expect(outcomes.get('middle')).toEqual({ kind: 'skipped', because: 'fails' })
  expect(outcomes.get('above')).toEqual({ kind: 'skipped', because: 'fails' })
})

test('a patch is applied; one that does not fit is refused and nothing is kept', async () => {
  using place = await bench()
  const own = join(place.home, '..', 'patched')
  mkdirSync(own)
  writeFileSync(join(own, 'word'), 'before\n')
  const diff = (from: string) => `--- a/word\n+++ b/word\n@@ -1 +1 @@\n-${from}\n+after\n`
  writeFileSync(join(own, 'good.patch'), diff('before'))
  writeFileSync(join(own, 'bad.patch'), diff('something else'))
  const patched = (file: string) =>
    recipe({
      name: 'patched',
      patches: [{ path: file, strip: 1 }],
      steps: script(
        'mkdir -p $DESTDIR/usr/local; test "$(cat word)" = after; cp word $DESTDIR/usr/local/',
      ),
    })

  const built = await make(place, patched('good.patch'), { folder: own })
  const refused = make(place, patched('bad.patch'), { folder: own })

  expect(built.outcome).toBe('built')
  await expect(refused).rejects.toMatchObject({
    code: 'build/patch-failed',
    message: expect.stringContaining('bad.patch does not apply'),
  })
  expect(readFileSync(join(own, 'word'), 'utf8')).toBe('before\n')
  expect(readdirSync(join(place.home, 'builds')).filter((name) => !/lock/.test(name))).toEqual([])
})

test('an ed script as a patch runs nothing; a refusal has the words of patch', async () => {
  using programs = temporaryFolder()
  const mark = join(programs.path, 'was-run')
  writeFileSync(join(programs.path, 'ed'), `#!/bin/sh\n: > ${mark}\n`, { mode: 0o755 })
  using place = await bench({ env: { PATH: `${programs.path}:${path}` } })
  writeFileSync(join(programs.path, 'word'), 'before\n')
  const header = '--- a/word\n+++ b/word\n'
  writeFileSync(join(programs.path, 'ed.patch'), `${header}1c\nafter\n.\nw\n`)
  writeFileSync(join(programs.path, 'cut.patch'), `${header}@@ -1 +1,2 @@\n before\n`)
  const patched = (file: string) => {
    const patches = [{ path: file, strip: 1 }]
    return make(place, recipe({ name: 'patched', patches, steps: script(install) }), {
      folder: programs.path,
    })
  }

  await expect(patched('ed.patch')).rejects.toMatchObject({ code: 'build/patch-failed' })
  await expect(patched('cut.patch')).rejects.toMatchObject({
    message: expect.stringContaining('malformed patch'),
  })
  expect(existsSync(mark)).toBe(false)
})

test('a machine without bubblewrap is told what to do, and nothing is built', async () => {
  using place = await bench({ env: { PATH: '/nowhere' } })

  const building = make(place, recipe({ name: 'any', steps: script(install) }), { folder })

  await expect(building).rejects.toMatchObject({
    code: 'build/tool-missing',
    hints: expect.arrayContaining([expect.stringContaining('--no-sandbox')]),
  })
  expect(existsSync(join(place.home, 'index.json'))).toBe(false)
})

outside(['git', 'g++', 'namespaces'])(
  'a commit is built, from the cache when it is there',
  async () => {
    using place = await bench()
    const origin = join(place.home, '..', 'origin')
    mkdirSync(origin)
    const git = async (...argv: string[]) => {
      const env = { PATH: path, HOME: place.home, GIT_COMMITTER_DATE: '@1234567890 +0000' }
      const who = [
        '-c',
        'user.name=t',
        '-c',
        'user.email=t@example.org',
        '-c',
        'init.defaultBranch=main',
      ]
      return (await run(['git', '-C', origin, ...who, ...argv], { env })).stdout.trim()
    }
    await git('init', '-q')
    writeFileSync(join(origin, 'word'), 'committed\n')
    await git('add', 'word')
    await git('commit', '-q', '-m', 'one', '--date', '@1234567890 +0000')
    const commit = await git('rev-parse', 'HEAD')
    const fromGit = (name: string) =>
      recipe({
        name,
        sources: [{ kind: 'git', git: origin, commit, submodules: false, strip: 0 }],
        steps: script('test ! -e .git; mkdir -p $DESTDIR/usr/local; cp word $DESTDIR/usr/local/'),
      })

    const built = await make(place, fromGit('first'))
    await run(['rm', '-rf', origin], { env: { PATH: path } })
    const again = await make(place, fromGit('second'))

    expect(built.config).toMatchObject({ epoch: 1_234_567_890, sources: [{ kind: 'git', commit }] })
    expect(again.config.fileList).toBe(built.config.fileList)
  },
)

test('refused namespaces are an error with what to do, not a build without a sandbox', async () => {
  using programs = temporaryFolder()
  const refusing = '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n'
  writeFileSync(join(programs.path, 'bwrap'), refusing, { mode: 0o755 })
  using place = await bench({ env: { PATH: `${programs.path}:${path}` } })

  const building = make(place, recipe({ name: 'any', steps: script(install) }), { folder })

  await expect(building).rejects.toMatchObject({
    code: 'build/no-sandbox',
    message: expect.stringContaining('No permissions to create new namespace'),
    hints: expect.arrayContaining([expect.stringContaining('--no-sandbox')]),
  })
})

test('a source folder that changes while it is copied is not built', async () => {
  using place = await bench()
  const own = join(place.home, '..', 'changing')
  mkdirSync(own)
  writeFileSync(join(own, 'word'), 'before')
  const changing = recipe({ name: 'changing', steps: script(install) })
  const changed = seen(place, (event) => {
    const isFetch = event.kind === 'phase' && event.phase === 'fetch'
    if (isFetch) writeFileSync(join(own, 'word'), 'after it')
    return isFetch
  })

  await expect(make(changed.place, changing, { folder: own })).rejects.toMatchObject({
    code: 'build/sources-changed',
    retryable: true,
  })
  expect(readdirSync(join(place.home, 'builds')).filter((name) => !/lock/.test(name))).toEqual([])
  expect(await make(place, changing, { folder: own })).toMatchObject({ outcome: 'built' })
})

test('a patch without the program for it: told by its name', async () => {
  using programs = temporaryFolder()
  symlinkSync(Bun.which('bwrap', { PATH: path }) ?? '', join(programs.path, 'bwrap'))
  using place = await bench({ env: { PATH: programs.path } })
  writeFileSync(join(programs.path, 'a.patch'), '')
  const patched = recipe({
    name: 'patched',
    patches: [{ path: 'a.patch', strip: 1 }],
    steps: script(install),
  })

  await expect(make(place, patched, { folder: programs.path })).rejects.toMatchObject({
    code: 'build/tool-missing',
    message: expect.stringContaining("a.patch wants the program 'patch'"),
  })
})

test('a step without its program is refused before anything is fetched', async () => {
  using place = await bench()
  const toolchain = { ...place.context.toolchain, cmake: undefined }
  const without = { ...place, context: { ...place.context, toolchain } }
  const step = { kind: 'cmake', source: '.', definitions: {}, targets: [] } as const

  const building = make(without, recipe({ name: 'any', steps: [step] }), { folder })

  await expect(building).rejects.toMatchObject({
    code: 'build/tool-missing',
    message: expect.stringContaining('any needs cmake'),
  })
})
