/** Wrong input: files that are no project, lockfiles that were touched, requests without answer. */
import { afterAll, expect, test } from 'bun:test'
import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { openProject, programArgv, type Project } from '../cli/harness.ts'
import { greek, recipe } from '../cli/projects.ts'
import { outside } from '../outside.ts'
import { builtPlace, lockedBuild, refuses, removeTemplate, succeeds } from './place.ts'

afterAll(removeTemplate)

const compiled = outside(['namespaces', 'g++', 'cmake', 'make'])

function writeProject(project: Project, text: string | Uint8Array): void {
  writeFileSync(join(project.folder, 'backlot.yaml'), text)
}

const badFiles: Readonly<Record<string, { text: string | Uint8Array; says: RegExp }>> = {
  'an unknown key': {
    text: 'environment:\n  packges: [beta]\nrecipes: [recipes]\n',
    says: /backlot\.yaml:2:3.*packges.*did you mean 'packages'/s,
  },
  'an unknown key of a recipe': {
    text: 'package:\n  name: alpha\n  licence: MIT\n',
    says: /backlot\.yaml:3:3.*licence.*did you mean 'license'/s,
  },
  'a tab as indentation': {
    text: 'environment:\n\tpackages: [beta]\n',
    says: /backlot\.yaml:2:1.*tab/is,
  },
  'a key twice': {
    text: 'environment: {}\nenvironment: {}\n',
    says: /backlot\.yaml:2:1/,
  },
  'a list instead of a mapping': { text: '- environment\n', says: /backlot\.yaml/ },
  'no text but bytes': {
    text: Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 255, 254, 10, 0, 0]),
    says: /backlot\.yaml/,
  },
  'a requirement that is none': {
    text: 'environment:\n  packages: ["beta >>1"]\n',
    says: /backlot\.yaml:2:14/,
  },
  'a platform that is none': {
    text: 'environment:\n  platform: CY2032\n',
    says: /backlot\.yaml:2:13.*CY2032.*Did you mean 'CY20/s,
  },
}

for (const [name, { text, says }] of Object.entries(badFiles))
  test(`backlot.yaml has ${name}: the place, and what to do`, async () => {
    using project = openProject(greek)
    writeProject(project, text)
    const want = { code: 'model/bad-file', exit: 2, says, hint: 'docs/formats/backlot-yaml.md' }
    await refuses(project, ['lock'], want)
    writeProject(project, greek['backlot.yaml'] ?? '')
    await succeeds(project, 'lock')
  })

test('an empty backlot.yaml, and a folder of that name, are told as such', async () => {
  using project = openProject(greek)
  writeProject(project, '')
  await refuses(project, ['lock'], { code: 'model/bad-file', exit: 2, says: 'has no keys' })
  rmSync(join(project.folder, 'backlot.yaml'))
  mkdirSync(join(project.folder, 'backlot.yaml'))
  await refuses(project, ['lock'], { code: 'cli/no-project', exit: 2, hint: 'is a folder' })
})

test('no file, and another encoding, are refused and not waited for or spoilt', async () => {
  using project = openProject(greek)
  const latin1 = Buffer.from('# caf\xe9\nenvironment: {}\n', 'latin1')
  writeProject(project, latin1)
  const want = { code: 'model/bad-file', exit: 2, hint: 'mend it' }
  await refuses(project, ['add', 'alpha'], { ...want, says: 'not text in UTF-8' })
  expect(readFileSync(join(project.folder, 'backlot.yaml'))).toEqual(latin1)
  writeProject(project, greek['backlot.yaml'] ?? '')

  const recipes = join(project.folder, 'recipes')
  symlinkSync('loop', join(recipes, 'loop'))
  await refuses(project, ['lock'], { ...want, says: /loop.*leads to itself/ })
  rmSync(join(recipes, 'loop'))
  mkdirSync(join(recipes, 'pipe'))
  expect(Bun.spawnSync(['mkfifo', join(recipes, 'pipe/backlot.yaml')]).exitCode).toBe(0)
  await refuses(project, ['lock'], { ...want, says: /pipe.*a pipe or a device/ })
  rmSync(join(recipes, 'pipe'), { recursive: true })
  project.write('recipes/big/backlot.yaml', `# ${'x'.repeat(1024 * 1024)}\n`)
  await refuses(project, ['lock'], { ...want, says: /big.*1048576 are the most/ })
})

test('recipes are found through links, and two of one name are told apart', async () => {
  using project = openProject(greek)
  const recipes = join(project.folder, 'recipes')
  renameSync(join(recipes, 'alpha'), join(project.folder, 'elsewhere'))
  symlinkSync('../elsewhere', join(recipes, 'linked'))
  await succeeds(project, 'lock')
  const want = { code: 'model/bad-file', exit: 2, says: /linked.*other.*both describe 'alpha'/ }
  cpSync(join(project.folder, 'elsewhere'), join(recipes, 'other'), { recursive: true })
  await refuses(project, ['lock', '--update'], want)

  writeProject(project, 'environment: { packages: [beta] }\nrecipes: [backlot.yaml]\n')
  const none = { code: 'cli/no-project', exit: 2, says: 'There is no folder of recipes' }
  await refuses(project, ['lock', '--update'], none)
})

test('a folder named backlot.lock is told as such', async () => {
  using project = openProject({ ...greek, 'backlot.lock/x': '' })
  await refuses(project, ['lock'], { code: 'model/bad-lockfile', exit: 2, says: 'folder' })
})

test('diff reads a lockfile out of a pipe, and refuses what is none', async () => {
  using project = openProject(greek)
  await succeeds(project, 'lock')
  const want = { code: 'model/bad-lockfile', exit: 2 }
  project.write('empty/x', '')
  await refuses(project, ['diff', 'empty'], { code: 'cli/not-locked', says: 'empty' })
  project.write('other', 'no lockfile')
  await refuses(project, ['diff', 'other'], { ...want, says: 'it is not JSON' })
  const line = `${programArgv().join(' ')} diff <(cat backlot.lock)`
  const options = { cwd: project.folder, env: { ...project.env } }
  const { stdout } = Bun.spawnSync(['bash', '-c', line], options)
  expect(stdout.toString()).toContain('the same packages')
})

test('options that the recipe does not have, and values that it does not take', async () => {
  using project = openProject(greek)
  const withOptions = recipe('alpha', ['1.1']).replace(
    '  build:',
    '  options: { threads: { default: false } }\n  build:',
  )
  project.write('recipes/alpha/backlot.yaml', withOptions)
  const ask = (packages: string) =>
    writeProject(project, `environment:\n  packages: ["${packages}"]\nrecipes: [recipes]\n`)

  ask('alpha[thread=true]')
  const misspelt = await project.backlot('lock')
  expect(misspelt).toMatchObject({ exitCode: 1, stdout: '' })
  expect(misspelt.stderr).toMatch(/thread=true.*\n.*hint: Options of alpha: threads/s)
  ask('alpha[threads=maybe]')
  expect(await project.backlot('lock')).toMatchObject({ exitCode: 1, stdout: '' })
  ask('alpha[threads=true]')
  await succeeds(project, 'lock')
})

outside(['namespaces'])('recipes that need each other: each need is told once', async () => {
  using project = openProject(greek)
  await succeeds(project, 'build')
  project.write('recipes/alpha/backlot.yaml', recipe('alpha', ['1.1'], { requires: ['beta <9'] }))
  const refusal = await refuses(project, ['build'], {
    code: 'build/circle',
    says: /alpha needs beta <9, beta needs alpha >=1,<2$/,
    hint: 'run-requires',
  })
  expect(refusal.message.match(/needs/g)).toHaveLength(2)
})

test('requests without an answer: the clash, the unknown name, the platform', async () => {
  using project = openProject(greek)
  const lockBefore = await succeeds(project, 'lock')
  expect(lockBefore.stdout).toContain('beta')
  const text = readFileSync(join(project.folder, 'backlot.lock'), 'utf8')
  const ask = async (environment: string): Promise<string> => {
    writeProject(project, `environment:\n${environment}recipes: [recipes]\n`)
    const outcome = await project.backlot('lock')
    expect(outcome.exitCode).toBe(1)
    expect(outcome.stderr).toMatch(/^error\[\w+\/[\w-]+\]: \S/)
    expect(outcome.stderr).toMatch(/^ {2}(?:fix|hint): \S/m)
    return outcome.stderr
  }
  const clash = await ask('  packages: ["beta", "alpha >=2"]\n')
  expect(clash).toContain('beta')
  expect(clash).toMatch(/alpha/)
  expect(await ask('  packages: [betta]\n')).toMatch(/hint: .*beta/)
  expect(await ask('  packages: ["alpha 7"]\n')).toMatch(/2\.0/)
  project.write('recipes/openexr/backlot.yaml', recipe('openexr', ['2.4.0']))
  const year = await ask('  platform: CY2023\n  packages: [openexr]\n')
  expect(year).toMatch(/CY2023/)
  expect(readFileSync(join(project.folder, 'backlot.lock'), 'utf8')).toBe(text)
  writeProject(project, greek['backlot.yaml'] ?? '')
  await succeeds(project, 'lock', '--locked')
})

const badLocks: Readonly<Record<string, (text: string) => string>> = {
  'cut short': (text) => text.slice(0, text.length / 2),
  empty: () => '',
  'with merge markers': (text) => `<<<<<<< HEAD\n${text}=======\n${text}>>>>>>> other\n`,
  'of a newer Backlot': (text) => text.replace('"lockfile": 1', '"lockfile": 9'),
  'with a digest that is none': (text) => text.replace(/sha256:[0-9a-f]{10}/, 'sha256:'),
}

for (const [name, harm] of Object.entries(badLocks))
  test(`a lockfile ${name}: what is wrong, and how to have it written anew`, async () => {
    using project = openProject(greek)
    await succeeds(project, 'lock')
    const path = join(project.folder, 'backlot.lock')
    const text = readFileSync(path, 'utf8')
    const harmed = harm(text)
    expect(harmed).not.toBe(text)
    writeFileSync(path, harmed)
    const refusal = await refuses(project, ['list'], {
      code: 'model/bad-lockfile',
      exit: 2,
      says: 'backlot.lock',
      hint: /newer/.test(name) ? 'A newer Backlot wrote it' : 'backlot lock',
    })
    expect(readFileSync(path, 'utf8')).toBe(harmed)
    if (/newer/.test(name)) expect(refusal.message).toContain('format 9')
    // What the hint says has to work.
    rmSync(path)
    await succeeds(project, 'lock')
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

compiled('a lockfile whose digest was changed by hand: nobody has that build', async () => {
  using place = await builtPlace()
  const path = join(place.folder, 'backlot.lock')
  const text = readFileSync(path, 'utf8')
  const { build, layer } = lockedBuild(place, 'libtwo')
  const wrong = `${build.slice(0, -4)}${build.endsWith('0000') ? '1111' : '0000'}`
  writeFileSync(path, text.replace(build, wrong))
  await refuses(place, ['run', '--frozen', 'app'], { code: 'cli/not-built', says: 'libtwo' })
  await refuses(place, ['build', '--frozen'], { code: 'cli/not-built', says: 'libtwo' })
  await succeeds(place, 'build')
  expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
  expect(lockedBuild(place, 'libtwo').build).toBe(build)

  // The layer is not that of the build: it must not be linked unseen.
  writeFileSync(path, text.replace(layer, lockedBuild(place, 'libone').layer))
  await refuses(place, ['run', '--frozen', 'app'], {
    code: 'model/bad-lockfile',
    exit: 2,
    says: 'libtwo',
  })
})
