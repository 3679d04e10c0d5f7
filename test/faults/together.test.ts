/** Two Backlots at work on one store, one project, one registry. */
import { afterAll, expect } from 'bun:test'
import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { ended, openProject, type Outcome, type Project } from '../cli/harness.ts'
import { greek, programScript, recipe } from '../cli/projects.ts'
import { outside } from '../outside.ts'
import { until } from '../until.ts'
import { leavesNothing } from './crash.ts'
import { builtPlace, chainPlace, elsewhere, removeTemplate, succeeds } from './place.ts'
import { serveRegistry } from './registry.ts'

afterAll(removeTemplate)

const compiled = outside(['namespaces', 'g++', 'cmake', 'make'])

/** Runs lines at the same time; all have to succeed. */
async function together(...lines: readonly (readonly [Project, string])[]): Promise<Outcome[]> {
  const outcomes = await Promise.all(
    lines.map(async ([place, line]) => await ended(place.start(...line.split(' ')))),
  )
  const bad = outcomes.flatMap((outcome, at) =>
    outcome.exitCode === 0 ? [] : [`${lines[at]?.[1]}: ${outcome.exitCode} ${outcome.stderr}`],
  )
  expect(bad).toEqual([])
  return outcomes
}

compiled('two builds of one project: each package is built once', async () => {
  using place = chainPlace()
  const outcomes = await together([place, 'build'], [place, 'build'])
  const built = outcomes.flatMap(({ stdout }) => stdout.match(/^ +built /gm) ?? [])
  expect(built).toHaveLength(3)
  await leavesNothing(place)
})

compiled('two projects build the same into one store while it is collected', async () => {
  using place = chainPlace()
  using other = sharingStore(place)
  const gc = 'gc --keep-days 0'
  await together([place, 'build'], [other, 'build'], [place, gc], [place, gc], [place, gc])
  await succeeds(place, 'store', 'verify')
  await together([place, 'build'], [place, gc], [other, 'build'], [place, gc])
  await together([place, 'run app'], [place, gc], [other, 'run app'], [place, gc])
  await leavesNothing(place)
})

/** A collection may take the file meanwhile. */
function makeOld(path: string): void {
  try {
    utimesSync(path, 5, 5)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOENT' })
  }
}

/** The same project in another folder, with the same store. */
function sharingStore(place: Project): Project {
  const other = openProject({}, { BACKLOT_HOME: place.home })
  cpSync(place.folder, other.folder, { recursive: true })
  return other
}

compiled('collections one after the other take nothing away from builds and runs', async () => {
  using place = await builtPlace()
  const built = new AbortController()
  const collections = async (): Promise<number> => {
    let count = 0
    for (; !built.signal.aborted; count += 1) await succeeds(place, 'gc', '--keep-days', '0')
    return count
  }
  const building = async (): Promise<void> => {
    for (const file of ['libone/src/one.cpp', 'libtwo/src/two.cpp', 'app/src/app.cpp'])
      appendFileSync(join(place.folder, 'recipes', file), '\nint unused;\n')
    await succeeds(place, 'build')
    rmSync(join(place.home, 'runs'), { recursive: true, force: true })
    expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
  }
  const [counted] = await Promise.all([collections(), building().finally(() => built.abort())])
  expect(counted).toBeGreaterThan(2)
  await leavesNothing(place)
  await succeeds(place, 'gc', '--keep-days', '0')
  expect(readdirSync(join(place.home, 'work'))).toEqual([])
})

compiled('a view that is collected while it is entered is entered, or linked again', async () => {
  using place = await builtPlace()
  const views = join(place.home, 'views')
  const ran = new AbortController()
  const taken = { views: 0 }
  const collections = async (): Promise<void> => {
    while (!ran.signal.aborted) {
      const { stdout } = await succeeds(place, 'gc', '--keep-days', '0')
      if (!stdout.includes('0 views')) taken.views += 1
    }
  }
  const runs = async (): Promise<void> => {
    for (let round = 0; round < 500 && (round < 40 || taken.views === 0); round += 1) {
      // Nobody asked for the view for long: only the one who enters it now keeps it.
      for (const name of readdirSync(views).filter((one) => one.endsWith('.note')))
        makeOld(join(views, name))
      expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
    }
  }
  await Promise.all([collections(), runs().finally(() => ran.abort())])
  expect(taken.views).toBeGreaterThan(0)
  await leavesNothing(place)
})

compiled('two publishes to one registry: everything is there and is listed', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  const to = `${registry.host}/vfx`
  await together([place, `publish --to ${to}`], [place, `publish --to ${to}`])
  using other = elsewhere(place)
  writeFileSync(
    join(other.folder, 'backlot.yaml'),
    `environment:\n  packages: [app]\nregistry: ${to}\n`,
  )
  expect((await succeeds(other, 'lock', '--update')).stdout).toContain('3 packages')
  await together([other, 'build'], [other, 'build'])
  expect(await succeeds(other, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
})

compiled('two locks, two adds, two runs, two views', async () => {
  using place = await builtPlace()
  const lock = readFileSync(join(place.folder, 'backlot.lock'), 'utf8')
  await together([place, 'lock --update'], [place, 'lock --update'])
  expect(readFileSync(join(place.folder, 'backlot.lock'), 'utf8')).toBe(lock)
  const [first, second] = await together([place, 'run app'], [place, 'run app'])
  expect([first?.stdout, second?.stdout]).toEqual(['app says 2\n', 'app says 2\n'])
  await together([place, 'view one'], [place, 'view two'], [place, 'clean'], [place, 'run app'])
  await together([place, 'image build oci:image:1'], [place, 'image build oci:image:2'])
})

outside(['namespaces'])(
  'a build that ends after another command locked undoes nothing',
  async () => {
    using place = openProject(greek)
    const waits = `until test -e go; do sleep 0.01; done\n${programScript('alpha')}`
    place.write('recipes/alpha/backlot.yaml', recipe('alpha', ['1.1'], { script: waits }))
    place.write('recipes/delta/backlot.yaml', recipe('delta', ['1']))
    place.write('recipes/delta/src/LICENSE', 'BSD\n')
    const building = ended(place.start('build', 'alpha'))
    const workspace = () =>
      new Bun.Glob('alpha-*/src/LICENSE').scanSync({ cwd: join(place.home, 'builds') }).next().value
    await until(() => existsSync(join(place.home, 'builds')) && workspace() !== undefined)

    await succeeds(place, 'add', 'delta')
    writeFileSync(join(place.home, 'builds', workspace() ?? '', '../go'), '')

    expect(await building).toMatchObject({ exitCode: 0 })
    expect(await succeeds(place, 'lock', '--locked')).toMatchObject({
      stdout: expect.stringContaining('3 packages'),
    })
    const { stdout } = await succeeds(place, 'list')
    expect(stdout).toMatch(/^alpha +1\.1 +build +[0-9a-f]{12}/m)
    expect(stdout).toMatch(/^delta +1 +to be built/m)
  },
)
