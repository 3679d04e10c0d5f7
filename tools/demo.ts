/**
 * `npm run demo`: the whole path on real sources, with the commands that a person would type.
 *
 * Everything lies in `.backlot/demo` (the store, the project, the registry's data), so a second run
 * finds what the first built, and removing that folder removes the demo. Nothing is left running.
 */
import { appendFileSync, copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { AppError } from '#kernel/index.ts'
import { compile } from './compile.ts'
import { startRegistry } from './demo/registry.ts'
import { runSteps, type Shown, show } from './demo/steps.ts'
import { environmentWith } from './environment.ts'
import { setUp } from './setup/install.ts'

const root = join(import.meta.dir, '..')
const folder = join(root, '.backlot/demo')
const project = join(folder, 'project')
const example = join(root, 'examples/openexr')
const home = join(folder, 'store')
const own = process.platform === 'win32' ? 'backlot.exe' : 'backlot'
const backlot = join(root, 'dist', own)
const env = environmentWith({ BACKLOT_HOME: home })
const shown: Shown = { cwd: project, env }

/** Runs Backlot in the project and shows it. */
function run(...args: string[]): Promise<string> {
  return show([backlot, ...args], { ...shown, as: 'backlot' })
}

async function programs() {
  const outcome = await setUp('demo')
  switch (outcome.kind) {
    case 'complete':
      console.log('  g++, cmake, ninja, bubblewrap, skopeo and the others are there')
      return {}
    case 'installed':
      console.log(`  installed through apt: ${outcome.names.join(', ')}`)
      return { note: 'installed' }
    case 'missing':
      throw new AppError('kernel/program-missing', `Missing: ${outcome.names.join(', ')}`, {
        hints: outcome.lines.map((line) => `Type: ${line}`),
      })
    case 'failed':
      throw new AppError(
        'kernel/program-failed',
        `apt-get could not install ${outcome.names.join(', ')}:\n${outcome.log.slice(-2000)}`,
      )
  }
}

async function compiled() {
  mkdirSync(join(root, 'dist'), { recursive: true })
  await compile({ outfile: backlot })
  await show([backlot, '--version'], { cwd: root, env, as: relative(root, backlot) })
  return {}
}

async function locked() {
  mkdirSync(project, { recursive: true })
  for (const name of readdirSync(example)) copyFileSync(join(example, name), join(project, name))
  await run('lock')
  await run('tree')
  return {}
}

async function built() {
  const startedMs = Date.now()
  await run('build')
  return Date.now() - startedMs < 2000 ? { note: 'nothing had to be built' } : {}
}

async function used() {
  rmSync(join(project, 'out'), { recursive: true, force: true })
  await run('run', '--', 'cmake', '-S', '.', '-B', 'out', '-G', 'Ninja')
  await run('run', '--', 'cmake', '--build', 'out')
  await run('run', '--', './out/picture', 'picture.exr')
  await run('run', '--', 'exrheader', 'picture.exr')
  return {}
}

async function published() {
  await using registry = await startRegistry({ backlot, env, data: join(folder, 'registry') })
  const image = `${registry.host}/openexr:demo`
  const file = join(project, 'backlot.yaml')
  appendFileSync(file, `\nregistry: ${registry.host}/vfx\n`)
  try {
    await run('publish')
    await run('image', 'build', image, '--entrypoint', 'exrheader')
  } finally {
    copyFileSync(join(example, 'backlot.yaml'), file) // That registry is about to be gone.
  }
  const layout = join(folder, 'pulled')
  rmSync(layout, { recursive: true, force: true })
  const from = ['copy', '--src-tls-verify=false', `docker://${image}`]
  await show(['skopeo', ...from, `oci:${layout}:demo`], shown)
  return { note: 'pulled by skopeo' }
}

function next(): void {
  const path = relative(process.cwd(), project)
  console.log(`
What to try next:
  export BACKLOT_HOME=${home} PATH=${join(root, 'dist')}:$PATH
  cd ${path === '' ? '.' : path}
  backlot shell              a shell in this environment
  backlot why libdeflate     why a package is in it
  backlot serve              a registry of your own
  npm run demo               again: nothing is rebuilt

Nothing was left running. \`rm -r ${relative(process.cwd(), folder)}\` removes it all.`)
}

try {
  await runSteps([
    { title: 'What has to be on this machine', run: programs },
    { title: 'Compile the one-file program', run: compiled },
    { title: 'Solve an environment for CY2023', run: locked },
    { title: 'Build it from the real sources', run: built },
    { title: 'Compile and run a program against it', run: used },
    { title: 'Publish, bake an image, pull it with skopeo', run: published },
  ])
  next()
} catch (error) {
  if (!(error instanceof AppError)) throw error
  console.error(`\n${error.message}`)
  for (const hint of error.hints) console.error(`  ${hint}`)
  process.exitCode = 1
}
