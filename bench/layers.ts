/**
 * Packing and unpacking layers against `tar | zstd -3 -T2` and `zstd -d | tar x`.
 *
 * The trees are what lies in node_modules: few big files (programs, libraries), and thousands of
 * small ones. Ours makes the blob durable and checks every digest; the peer does neither.
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openStore, packLayer, unpackLayer } from '#store/index.ts'
import { type BenchContext, compare, milliseconds, type Side } from './harness.ts'
import type { Figure } from './schema.ts'

/** Our speed must be at least this share of the peer's. */
const share = 0.8
const epochSeconds = 1_600_000_000

interface Tree {
  readonly name: string
  readonly filesMax: number
  readonly bytesMax: number
  readonly fits: (sizeBytes: number) => boolean
}

const trees: readonly Tree[] = [
  { name: 'big files', filesMax: 60, bytesMax: 115e6, fits: (size) => size > 500_000 },
  { name: 'mixed files', filesMax: 5440, bytesMax: 130e6, fits: (size) => size < 12_000_000 },
]

/** One figure for packing and one for unpacking each tree. */
export async function layers(context: BenchContext): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const tree of trees) {
    const source = join(context.folder, `layers-${tree.name.replace(' ', '-')}`)
    const made = makeTree(source, tree)
    const label = `${tree.name}: ${made.files} files, ${Math.round(made.sizeBytes / 1e6)} MB`
    context.say(`layers, ${label}`)
    figures.push(...(await figuresOf(context, source, label)))
    rmSync(source, { recursive: true, force: true })
  }
  return figures
}

async function figuresOf(
  { folder, env }: BenchContext,
  source: string,
  label: string,
): Promise<readonly Figure[]> {
  const home = join(folder, 'layers-home')
  const target = join(folder, 'layers-out')
  const archive = join(folder, 'layers.tar.zst')
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
    { rounds: 5, warm: 1 },
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
    { rounds: 5, warm: 1 },
  )
  clear(home)
  clear(target)
  const row = (name: string, { ownMs, peerMs }: { ownMs: number; peerMs: number }) =>
    milliseconds(name, { value: ownMs, bar: peerMs / share, peer: peerMs })
  return [row(`pack ${label}`, packing), row(`unpack ${label}`, unpacking)]
}

/** Copies files of node_modules that fit below `folder`/usr/local, up to the tree's limits. */
function makeTree(folder: string, tree: Tree): { files: number; sizeBytes: number } {
  const from = join(import.meta.dir, '../node_modules')
  const seen = new Set<string>()
  let sizeBytes = 0
  for (const item of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const path = join(item.parentPath, item.name)
    const below = path.slice(from.length + 1)
    if (!item.isFile() || seen.size === tree.filesMax || seen.has(below.toLowerCase())) continue
    const { size } = statSync(path)
    if (!tree.fits(size) || sizeBytes + size > tree.bytesMax) continue
    const to = join(folder, 'usr/local', below)
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(path, to)
    seen.add(below.toLowerCase())
    sizeBytes += size
  }
  return { files: seen.size, sizeBytes }
}
