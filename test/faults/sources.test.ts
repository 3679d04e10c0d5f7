/** Sources that are missing, wrong or cut short, and recipes whose build fails. */
import { expect } from 'bun:test'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '#kernel/index.ts'
import { openProject, programArgv, type Project } from '../cli/harness.ts'
import { greek, recipe } from '../cli/projects.ts'
import { outside } from '../outside.ts'
import { noise, refuses, succeeds } from './place.ts'

const sandboxed = outside(['namespaces', 'tar'])

/** A server of files; what it gives may be changed at any time. */
function mirror(): {
  url: string
  files: Map<string, string | Uint8Array<ArrayBuffer>>
  stop: () => Promise<void>
} {
  const files = new Map<string, string | Uint8Array<ArrayBuffer>>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const file = files.get(new URL(request.url).pathname)
      return file === undefined ? new Response('no', { status: 404 }) : new Response(file)
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, files, stop: () => server.stop(true) }
}

/** An archive with a file in it, and the hash of that. */
function archive(project: Project): { bytes: Uint8Array<ArrayBuffer>; sha256: string } {
  project.write('archive/alpha-1.1/LICENSE', 'BSD\n')
  writeFileSync(join(project.folder, 'archive/alpha-1.1/noise'), noise(200_000, 3))
  const argv = ['tar', '-C', join(project.folder, 'archive'), '-czf', '-', 'alpha-1.1']
  const { stdout } = Bun.spawnSync(argv)
  const bytes = new Uint8Array(stdout)
  return { bytes, sha256: digestOf(bytes).slice(7) }
}

function alphaFrom(url: string, sha256: string): string {
  const source = `{ url: "${url}/alpha-1.1.tar.gz", sha256: ${sha256} }`
  return recipe('alpha', ['1.1']).replace('{ path: src }', source)
}

function workspaces(project: Project): string[] {
  const folder = join(project.home, 'builds')
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith('.lock')) : []
}

sandboxed('a source that is missing, wrong or cut short: nothing of it is used', async () => {
  using project = openProject(greek)
  const { bytes, sha256 } = archive(project)
  const server = mirror()
  try {
    project.write('recipes/alpha/backlot.yaml', alphaFrom(server.url, sha256))
    const path = '/alpha-1.1.tar.gz'
    const cache = join(project.home, 'cache/sources')

    await refuses(project, ['build'], { code: 'build/source-missing', says: /404.*/s })
    server.files.set(path, '<html>Please log in</html>')
    const wrong = { code: 'build/source-mismatch', says: sha256 }
    await refuses(project, ['build'], wrong)
    server.files.set(path, bytes.slice(0, 100_000))
    await refuses(project, ['build'], wrong)
    expect(existsSync(cache) ? readdirSync(cache) : []).toEqual([])
    expect(workspaces(project)).toEqual([])

    server.files.set(path, bytes)
    await succeeds(project, 'build')
    expect(await succeeds(project, 'run', 'beta')).toMatchObject({ stdout: 'beta says \n' })
    // What the cache holds may rot, too.
    const [cached = ''] = readdirSync(cache)
    writeFileSync(join(cache, cached), bytes.slice(0, 50_000))
    await succeeds(project, 'build', '--force')
    expect(readFileSync(join(cache, cached))).toEqual(Buffer.from(bytes))
  } finally {
    await server.stop()
  }
})

sandboxed('nobody listens where the source is: the place is named', async () => {
  using project = openProject(greek)
  const { sha256 } = archive(project)
  project.write('recipes/alpha/backlot.yaml', alphaFrom('http://127.0.0.1:1', sha256))
  const want = { code: 'build/source-missing', says: '127.0.0.1:1', hint: 'mirrors' }
  await refuses(project, ['build'], want)
})

sandboxed('a folder of sources that is not there, and then is', async () => {
  using project = openProject(greek)
  rmSync(join(project.folder, 'recipes/alpha/src'), { recursive: true })
  const want = { code: 'build/source-missing', says: /recipes\/alpha\/src/ }
  await refuses(project, ['build'], want)
  project.write('recipes/alpha/src/LICENSE', 'BSD\n')
  await succeeds(project, 'build')
})

/** Types words into the shell of a failed build. */
async function inside(
  project: Project,
  build: string,
  words: string,
): Promise<{ exitCode: number; stdout: string }> {
  const child = Bun.spawn([...programArgv(), 'debug', build], {
    cwd: project.folder,
    env: project.env,
    stdin: new TextEncoder().encode(words),
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const stdout = await new Response(child.stdout).text()
  return { stdout, exitCode: await child.exited }
}

sandboxed('a build that fails: last lines, the whole log, and its very sandbox', async () => {
  using project = openProject(greek)
  const script = [
    'seq 1 500',
    'export MARK=here; echo kept > left-behind',
    'echo "alpha.cpp:3: error: no such thing" >&2',
    'exit 3',
  ]
  project.write(
    'recipes/alpha/backlot.yaml',
    recipe('alpha', ['1.1'], { script: script.join('\n') }),
  )
  const refusal = await refuses(project, ['build'], {
    code: 'build/failed',
    says: 'alpha.cpp:3: error: no such thing',
  })
  expect(refusal.message).toContain('\n500\n')
  expect(refusal.message).not.toContain('\n300\n')
  const hints = refusal.hints.join('\n')
  const log = /\S+\.log/.exec(hints)?.[0] ?? ''
  expect(readFileSync(log, 'utf8')).toContain('\n1\n2\n3\n')

  const [, build = ''] = /backlot debug (\S+)/.exec(hints) ?? []
  const words = 'pwd; cat left-behind; echo "$BACKLOT_NAME $BACKLOT_VERSION"; exit 7\n'
  for (const named of [build, 'alpha'])
    expect(await inside(project, named, words)).toEqual({
      exitCode: 7,
      stdout: '/backlot/src\nkept\nalpha 1.1\n',
    })

  project.write('recipes/alpha/backlot.yaml', recipe('alpha', ['1.1']))
  await succeeds(project, 'build')
})
