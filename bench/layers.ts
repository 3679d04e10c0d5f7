/**
 * Packing and unpacking layers against `tar | zstd -3 -T2` and `zstd -d | tar x`.
 *
 * Three trees: the chain up to OpenEXR as it is installed, a larger one of programs and thousands
 * of files, and one of small files alone (both from node_modules). Ours makes the blob durable and
 * checks every digest; the peer does neither. The fewer milliseconds a tree takes, the more rounds
 * it gets. All of it is done in memory where that can be: a disk from which thousands of files were
 * just removed (ext4 without a journal spares their inodes for minutes, and looks at each) makes
 * both sides many times slower than their work is.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type Digest, isDigest, temporaryFolder } from '#kernel/index.ts'
import { materialise, openStore, packLayer, unpackLayer } from '#store/index.ts'
import { chain } from './chain.ts'
import { type BenchContext, compare, milliseconds, type Side } from './harness.ts'
import type { Figure } from './schema.ts'

/** Our speed must be at least this share of the peer's. */
const share = 0.8
const epochSeconds = 1_600_000_000
/** A file system in memory, on Linux. */
const memory = '/dev/shm'

interface Tree {
  readonly name: string
  readonly rounds: number
  readonly make: (folder: string, context: BenchContext) => void | Promise<void>
}

const trees: readonly Tree[] = [
  { name: 'the OpenEXR chain', rounds: 25, make: installChain },
  { name: 'programs and files', rounds: 5, make: (folder) => copyFiles(folder, 30e6) },
  { name: 'small files', rounds: 15, make: (folder) => copyFiles(folder, 16e3) },
]

/** One figure for packing and one for unpacking each tree. */
export async function layers(context: BenchContext): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  using folder = temporaryFolder(existsSync(memory) ? memory : context.folder)
  for (const tree of trees) {
    const source = join(folder.path, 'source')
    await tree.make(source, context)
    const { files, sizeBytes } = measureTree(source)
    const label = `${tree.name}: ${files} files, ${Math.round(sizeBytes / 1e6)} MB`
    context.say(`layers, ${label}`)
    figures.push(...(await figuresOf(folder.path, context.env, { label, rounds: tree.rounds })))
    rmSync(source, { recursive: true, force: true })
  }
  return figures
}

async function figuresOf(
  folder: string,
  env: BenchContext['env'],
  { label, rounds }: { readonly label: string; readonly rounds: number },
): Promise<readonly Figure[]> {
  const source = join(folder, 'source')
  const home = join(folder, 'home')
  const target = join(folder, 'out')
  const archive = join(folder, 'layer.tar.zst')
  const store = openStore(home)
  const clear = (path: string): void => rmSync(path, { recursive: true, force: true })
  const shell = (line: string): Side['run'] => {
    return () => {
      const done = Bun.spawnSync(['sh', '-c', line], {
        env: { ...env },
        stdout: 'ignore',
        stderr: 'pipe',
      })
      if (!done.success) throw new Error(`${line}\n${done.stderr.toString()}`)
    }
  }
  const pack = async () => packLayer(store, source, { epochSeconds })
  const packing = await compare(
    { before: () => clear(home), run: async () => void (await pack()) },
    { run: shell(`tar -C '${source}' -cf - . | zstd -q -3 -T2 -f -o '${archive}'`) },
    { rounds },
  )
  const { descriptor, diffId } = await pack()
  const unpacking = await compare(
    {
      before: () => {
        clear(join(home, 'files'))
        clear(join(home, 'trees'))
      },
      run: async () => void (await unpackLayer(store, { ...descriptor, diffId })),
    },
    {
      before: () => {
        clear(target)
        mkdirSync(target)
      },
      run: shell(`zstd -dc '${archive}' | tar -C '${target}' -xf -`),
    },
    { rounds },
  )
  clear(home)
  clear(target)
  const row = (name: string, { ownMs, peerMs }: { ownMs: number; peerMs: number }) =>
    milliseconds(name, { value: ownMs, bar: peerMs / share, peer: peerMs })
  return [row(`pack ${label}`, packing), row(`unpack ${label}`, unpacking)]
}

/** What the layers of the chain hold, as files of their own. */
async function installChain(folder: string, context: BenchContext): Promise<void> {
  const lock = readFileSync(join(await chain(context), 'backlot.lock'), 'utf8')
  const found = [...lock.matchAll(/"layer":\s*"(sha256:[0-9a-f]{64})"/g)].map((match) => match[1])
  const digests = [...new Set(found)].filter((one): one is Digest => isDigest(one ?? ''))
  await materialise(openStore(context.env['BACKLOT_HOME'] ?? ''), digests, folder, 'copy')
}

/** Copies files of node_modules up to a size below `folder`/usr/local; caches are left out. */
function copyFiles(folder: string, sizeBytesMax: number): void {
  const from = join(import.meta.dir, '../node_modules')
  const seen = new Set<string>()
  for (const below of readdirSync(from, { recursive: true, encoding: 'utf8' }).sort()) {
    const stat = statSync(join(from, below), { throwIfNoEntry: false })
    if (stat?.isFile() !== true || stat.size > sizeBytesMax) continue
    if (below.startsWith('.cache/') || seen.has(below.toLowerCase())) continue
    seen.add(below.toLowerCase())
    const to = join(folder, 'usr/local', below)
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(join(from, below), to)
  }
}

function measureTree(folder: string): { files: number; sizeBytes: number } {
  const items = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = items.filter((item) => item.isFile())
  const sizes = files.map((item) => statSync(join(item.parentPath, item.name)).size)
  return { files: files.length, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) }
}
