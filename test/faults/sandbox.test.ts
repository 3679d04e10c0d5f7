/** A machine that refuses namespaces: a build says so, and without a sandbox it says so, too. */
import { expect } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ended, openProject, type Outcome, type Project, programArgv } from '../cli/harness.ts'
import { greek } from '../cli/projects.ts'
import { outside } from '../outside.ts'
import { refused, succeeds } from './place.ts'

const limits = ['user', 'mnt'].map((kind) => `/proc/sys/user/max_${kind}_namespaces`)
const closing = [...limits.map((path) => `echo 0 > ${path}`), 'exec "$@"'].join(' && ')

/** Words that run a program where no further namespace can be made. */
const closed = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', closing, 'sh']

function canClose(): boolean {
  if (Bun.which('unshare') === null) return false
  return Bun.spawnSync([...closed, 'sh', '-c', '! unshare --user true']).success
}

const inClosed = outside(canClose() ? ['namespaces'] : ['the right to limit namespaces'])

async function withoutNamespaces(project: Project, ...args: string[]): Promise<Outcome> {
  const child = Bun.spawn([...closed, ...programArgv(), ...args], {
    cwd: project.folder,
    env: project.env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  return await ended(child)
}

/** What the provenance of the one build in the store says of its sandbox. */
function sandboxes(project: Project): string[] {
  const blobs = join(project.home, 'blobs/sha256')
  return readdirSync(blobs)
    .map((name) => readFileSync(join(blobs, name), 'utf8'))
    .filter((text) => text.includes('"predicateType"'))
    .map((text) => {
      const told: {
        predicate: { buildDefinition: { internalParameters: { sandbox: string } } }
      } = JSON.parse(text)
      return told.predicate.buildDefinition.internalParameters.sandbox
    })
}

inClosed('a build is refused with all that helps, and --no-sandbox is on record', async () => {
  using project = openProject(greek)
  refused(await withoutNamespaces(project, 'build', '--format', 'json'), {
    code: 'build/no-sandbox',
    says: 'refuses the namespaces',
    hint: '--no-sandbox',
  })
  expect(await withoutNamespaces(project, 'build', '--no-sandbox')).toMatchObject({ exitCode: 0 })
  expect(sandboxes(project)).toEqual(['none', 'none'])

  // Without namespaces `run` points into the view instead of mounting it, and says so.
  const run = await withoutNamespaces(project, 'run', 'alpha', 'one')
  expect(run).toMatchObject({ exitCode: 0, stdout: 'alpha says one\n' })
  expect(run.stderr).toContain('note')
  refused(
    await withoutNamespaces(project, 'run', '--format', 'json', '--launch', 'mount', 'alpha'),
    { code: 'env/no-namespaces', says: 'namespace' },
  )
  expect(await succeeds(project, 'run', 'alpha', 'two')).toMatchObject({
    stdout: 'alpha says two\n',
  })
})
