/**
 * Linking a view of 20,000 files against `cp -al` of the same tree.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '#kernel/index.ts'
import { linkView, openStore, packLayer, unpackLayer } from '#store/index.ts'
import { type BenchContext, compare, milliseconds, program } from './harness.ts'
import type { Figure } from './schema.ts'

const builds = 4
const filesEach = 5000

/** One figure: a view of four builds with 5,000 files each. */
export async function views({ folder, env, say }: BenchContext): Promise<readonly Figure[]> {
  say('views')
  const home = join(folder, 'views-home')
  const store = openStore(home)
  const layers: Digest[] = []
  for (let build = 0; build < builds; build += 1) {
    const source = join(folder, `views-${build}`)
    makeBuild(source, build)
    const { descriptor, diffId } = await packLayer(store, source, { epochSeconds: 1_600_000_000 })
    await unpackLayer(store, { ...descriptor, diffId })
    rmSync(source, { recursive: true })
    layers.push(descriptor.digest)
  }
  const tree = join(folder, 'views-tree')
  const copy = join(folder, 'views-copy')
  await Bun.spawn(['cp', '-a', (await linkView(store, layers)).path, tree], { env: { ...env } })
    .exited
  const { ownMs, peerMs } = await compare(
    {
      before: () => rmSync(join(home, 'views'), { recursive: true, force: true }),
      run: async () => void (await linkView(store, layers)),
    },
    {
      ...program(['cp', '-al', tree, copy], { env }),
      before: () => rmSync(copy, { recursive: true, force: true }),
    },
    { rounds: 7 },
  )
  const name = `link a view of ${builds * filesEach} files (peer: cp -al)`
  return [milliseconds(name, { value: ownMs, bar: peerMs, peer: peerMs })]
}

/** A build with headers in folders of a hundred. */
function makeBuild(folder: string, build: number): void {
  for (let index = 0; index < filesEach; index += 1) {
    const path = join(folder, `usr/local/include/build${build}/part${Math.floor(index / 100)}`)
    if (index % 100 === 0) mkdirSync(path, { recursive: true })
    writeFileSync(join(path, `header${index}.h`), `// build ${build}, header ${index}\n`)
  }
}
