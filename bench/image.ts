/**
 * What baking costs: an image of the chain into a registry that has its builds, against buildah,
 * which adds the same files from tarballs, layer by layer, and pushes them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { chain } from './chain.ts'
import { type BenchContext, bytes, measure, milliseconds, program, type Side } from './harness.ts'
import type { Figure } from './schema.ts'
import { served } from './serve.ts'

const bakeMsMax = 500
/** The first image after which nothing has to be said again is not what is measured. */
const rounds = 7

/** Time and payload bytes of baking into the registry of the builds. */
export async function image(context: BenchContext): Promise<readonly Figure[]> {
  const { backlot, env, say, folder } = context
  const cwd = join(folder, 'image')
  const project = await chain(context)
  await using server = await served(context, { data: join(folder, 'registry') })
  mkdirSync(cwd)
  const text = readFileSync(join(project, 'backlot.yaml'), 'utf8')
  writeFileSync(join(cwd, 'backlot.yaml'), `${text}registry: ${server.registry}/vfx\n`)
  for (const command of ['lock', 'publish']) await program([backlot, command], { env, cwd }).run()
  say('baking an image of the chain')
  let count = 0
  let sentBytes = 0
  const bake: Side = {
    run: async () => {
      count += 1 // A repository of its own each time, so that every layer has to be mounted.
      const to = `${server.registry}/images/chain-${count}:1`
      const argv = [backlot, 'image', 'build', '--format', 'json', to]
      const said: unknown = JSON.parse(await output(argv, { env, cwd }))
      sentBytes = Math.max(sentBytes, memberOf(said, 'sentPayloadBytes'))
    },
  }
  const value = await measure(bake, { rounds })
  const peer = await buildah(context, { cwd, registry: server.registry })
  const name = 'image of the chain into a registry that has the builds'
  return [
    milliseconds(`${name} (peer: buildah)`, { value, bar: bakeMsMax, peer }),
    bytes(`${name}: payload sent`, { value: sentBytes, bar: 0, peer: null }),
  ]
}

function memberOf(value: unknown, name: string): number {
  const member: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  if (typeof member !== 'number') throw new TypeError(`The program gave no ${name}`)
  return member
}

type Where = { readonly env: Readonly<Record<string, string>>; readonly cwd: string }

async function output(argv: readonly string[], { env, cwd }: Where): Promise<string> {
  const child = Bun.spawn([...argv], { env, cwd, stdout: 'pipe', stderr: 'inherit' })
  const [said, code] = await Promise.all([new Response(child.stdout).text(), child.exited])
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${said}`)
  return said
}

/** One image with buildah: for each layer's tarball add and commit, then push; null without it. */
async function buildah(
  { folder, env, say }: BenchContext,
  { cwd, registry }: { readonly cwd: string; readonly registry: string },
): Promise<number | null> {
  const found = Bun.which('buildah')
  if (found === null) return null
  say('buildah doing the same from tarballs')
  const tarballs = await layerTarballs(env, { cwd, folder })
  const storage = join(folder, 'buildah')
  const ask = [found, '--root', `${storage}/root`, '--runroot', `${storage}/run`]
  const script = [
    'set -eu',
    'from=scratch',
    'for tarball in "$@"; do',
    '  container=$(buildah from "$from")',
    '  buildah add --quiet "$container" "$tarball" /',
    '  from=$(buildah commit --quiet --rm "$container")',
    'done',
    `buildah push --quiet --tls-verify=false "$from" docker://${registry}/images/buildah:1`,
  ].join('\n')
  const quoted = ask.map((word) => `'${word}'`).join(' ')
  const shell = `buildah() { ${quoted} --storage-driver vfs "$@"; }\n${script}`
  const side: Side = {
    run: async () => void (await output(['sh', '-c', shell, 'sh', ...tarballs], { env, cwd })),
  }
  return await measure(side, { rounds: 1 })
}

/** The layers of the locked builds, decompressed, in a folder of this run. */
async function layerTarballs(
  env: BenchContext['env'],
  { cwd, folder }: { readonly cwd: string; readonly folder: string },
): Promise<readonly string[]> {
  const lock = readFileSync(join(cwd, 'backlot.lock'), 'utf8')
  const digests = [...lock.matchAll(/"layer":\s*"sha256:([0-9a-f]{64})"/g)].map((match) => match[1])
  const blobs = join(env['BACKLOT_HOME'] ?? '', 'blobs/sha256')
  const tarballs: string[] = []
  for (const digest of new Set(digests)) {
    const tarball = join(folder, `${digest}.tar`)
    await Bun.write(tarball, await zstdDecoded(join(blobs, basename(digest ?? ''))))
    tarballs.push(tarball)
  }
  return tarballs
}

async function zstdDecoded(path: string): Promise<Response> {
  return new Response(Bun.file(path).stream().pipeThrough(new DecompressionStream('zstd')))
}
