/** Circles, provided names and options, from the recipe to the running program. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { outside } from '../outside.ts'
import { openProject } from './harness.ts'
import { recipe } from './projects.ts'

const sandboxed = outside(['namespaces'])

/** A recipe with more keys, given as lines of YAML. */
function recipeWith(name: string, more: readonly string[], script?: string): string {
  const plain = recipe(name, ['1.0'], script === undefined ? {} : { script })
  return plain.replace('  build:\n', `${more.map((line) => `  ${line}\n`).join('')}  build:\n`)
}

function files(packages: string, recipes: Readonly<Record<string, string>>) {
  return {
    'backlot.yaml': `environment: { packages: [${packages}] }\nrecipes: [recipes]\n`,
    ...Object.fromEntries(
      Object.entries(recipes).flatMap(([name, text]) => [
        [`recipes/${name}/backlot.yaml`, text],
        [`recipes/${name}/src/LICENSE`, 'BSD\n'],
      ]),
    ),
  }
}

/** Builds only where the program `name` is in the sandbox, and makes one that runs it. */
const calling = (name: string, own: string) =>
  [
    `${name} while building > built.txt`,
    'mkdir -p "$DESTDIR$PREFIX/bin"',
    `printf '#!/bin/sh\\nexec ${name} from ${own}\\n' > "$DESTDIR$PREFIX/bin/${own}"`,
    `chmod +x "$DESTDIR$PREFIX/bin/${own}"`,
  ].join('\n')

const turbo = recipeWith('turbo', ['provides: [jpeg 62.3]'])

sandboxed('what needs a name is built and run with the package that answers to it', async () => {
  const viewer = recipeWith('viewer', ['requires: [jpeg >=62]'], calling('turbo', 'viewer'))
  using project = openProject(files('viewer', { turbo, viewer }))

  expect(await project.session('build -q', 'tree', 'why jpeg', 'run viewer')).toMatchSnapshot()
  expect(await project.session('info jpeg')).toContain('These answer to it: turbo.')
  const { stdout } = await project.backlot('build', '--format', 'json')
  expect(JSON.parse(stdout)).toMatchObject({ built: 0 })

  // The build says so itself: without its recipe it still answers to the name.
  project.write('recipes/turbo/backlot.yaml', recipe('turbo', ['2.0']))
  expect(await project.session('lock --update')).toContain('viewer')
})

sandboxed(
  'a circle of packages that need each other only when they run is built and runs',
  async () => {
    const ping = recipeWith('ping', ['requires: [pong]'], calling('pong', 'ping'))
    const pong = recipeWith('pong', ['run-requires: [ping]'])
    using project = openProject(files('ping', { ping, pong }))

    expect(await project.session('build -q', 'why ping', 'run ping')).toMatchSnapshot()
  },
)

test('a circle in which each has to be built before the others is refused by name', async () => {
  const ping = recipeWith('ping', ['requires: [pong]'])
  const pong = recipeWith('pong', ['build-requires: [pang]'])
  const pang = recipeWith('pang', ['requires: [ping]'])
  using project = openProject(files('ping', { ping, pong, pang }))

  expect(await project.session('lock', 'build')).toMatchSnapshot()
  project.write('recipes/pong/backlot.yaml', recipeWith('pong', ['requires: [ping]']))
  expect(await project.session('lock -u', 'build')).toMatchSnapshot()
})

test('as of a day, and back: the lockfile says how it was made', async () => {
  const text = recipe('alpha', ['2.0', '1.0'])
    .replace('version: 2.0,', 'version: 2.0, released: 2026-02-01,')
    .replace('version: 1.0,', 'version: 1.0, released: 2024-05-06,')
  using project = openProject(files('alpha', { alpha: text }))

  expect(
    await project.session(
      'lock --before 2026-01-31',
      'list --locked',
      'lock --locked --exclude-newer 2026-01-31',
      'lock --before 2020-01-01',
      'lock --exclude-newer fortnight',
      'lock --exclude-newer none',
      'lock --lowest',
      'lock --locked --highest',
      'update',
      'lock --highest',
      'lock --lowest --highest',
    ),
  ).toMatchSnapshot()
  expect(readFileSync(join(project.folder, 'backlot.lock'), 'utf8')).not.toContain('choice')
})

test('all environments at once, a diff between two of their locks, and a graph', async () => {
  const recipes = { alpha: recipe('alpha', ['2.0', '1.0']), beta: recipe('beta', ['1.0']) }
  const old = '{ packages: [alpha <2], targets: [linux-x86_64, macos-arm64] }'
  using project = openProject({
    ...files('alpha', recipes),
    'backlot.yaml': `environments:\n  old: ${old}\n  new: { packages: [beta], targets: linux-x86_64 }\nrecipes: [recipes]\n`,
  })
  const locked = await project.session('lock --all', 'lock --all')
  project.write('before.lock', readFileSync(join(project.folder, 'backlot.lock'), 'utf8'))
  project.write(
    'backlot.yaml',
    'environments:\n  old: { packages: [alpha], targets: linux-x86_64 }\nrecipes: [recipes]\n',
  )

  expect(locked).toMatchSnapshot()
  expect(
    await project.session(
      'lock --all -u',
      'diff before.lock',
      'diff before.lock --markdown',
      'diff before.lock -e odl',
      'diff before.lock before.lock',
      'graph -e old --format dot',
      'graph -e old --format json',
      'graph -e old --format png',
      'graph -e old alpha',
    ),
  ).toMatchSnapshot()
})
