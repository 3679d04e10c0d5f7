/**
 * The next version of a package between Backlots: what of it goes over the wire.
 *
 * A package of 500 MB, of which one file in a hundred is another in the next version, in files as
 * large as those of real ones are: many small, few large; half of the bytes can be compressed. The
 * client is ours, in this process; what it sends is counted where it sends it. That who knows
 * nothing of all this gets the right bytes is looked at with a plain request.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Digest, measure } from '#kernel/index.ts'
import { registryClient } from '#oci/index.ts'
import { openStore, packLayer, type Store } from '#store/index.ts'
import { type BenchContext, bytes, milliseconds } from './harness.ts'
import type { Figure } from './schema.ts'
import { served } from './serve.ts'

const packageBytes = 500_000_000
const sizes = [4000, 12_000, 40_000, 100_000, 150_000, 400_000, 1_500_000]
const blockBytes = 32 * 1024
const changedInHundred = 1
const shareMax = 0.03
/** A line of 1 Gbit/s, over which the whole would go in this time. */
const bytesInMsOfLine = 125_000

export async function nextVersion(context: BenchContext): Promise<readonly Figure[]> {
  const { folder, say } = context
  const place = join(folder, 'next-version')
  const tree = join(place, 'tree')
  const store = openStore(join(place, 'store'))
  const files = writePackage(tree)
  say(`a package of ${packageBytes / 1e6} MB in ${files} files`)
  const before = await packed(store, tree)
  writeChanges(tree, files)
  const after = await packed(store, tree)
  await using server = await served(context, { data: join(place, 'registry') })
  const to = { registry: server.registry, repository: 'package' }
  await registryClient().pushBlob(to, before, before.source)
  const client = registryClient()
  const base = { digest: before.digest, source: before.source }
  const startedMs = performance.now()
  await client.pushBlob(to, after, after.source, { base })
  const ownMs = performance.now() - startedMs
  const sent = client.traffic().blobBytesSent
  await checkPlainly(`${server.url}/v2/package/blobs/${after.digest}`, after)
  const name = `next version of ${packageBytes / 1e6} MB, ${changedInHundred} % of ${files} files new`
  return [
    bytes(`${name}: bytes sent`, { value: sent, bar: after.size * shareMax, peer: after.size }),
    milliseconds(`${name}: time (bar: the whole at 1 Gbit/s)`, {
      value: ownMs,
      bar: after.size / bytesInMsOfLine,
      peer: null,
    }),
  ]
}

async function packed(store: Store, tree: string) {
  const { descriptor } = await packLayer(store, tree, { epochSeconds: 1 })
  const { digest, size } = descriptor
  const read = (start: number) => store.blobs.read(digest, { start, end: size })
  return { ...descriptor, source: { read } }
}

/** As many files as make the size; gives their number. */
function writePackage(tree: string): number {
  let files = 0
  for (let written = 0; written < packageBytes; files += 1) {
    mkdirSync(dirname(pathOf(tree, files)), { recursive: true })
    written += writeFile(tree, files)
  }
  return files
}

/** One in a hundred, of all sizes. */
function writeChanges(tree: string, files: number): void {
  const step = 100 / changedInHundred + 1 // Has no factor in common with the number of sizes.
  for (let file = 0; file < files; file += step) writeFile(tree, file)
}

function pathOf(tree: string, file: number): string {
  return join(tree, 'usr/local/lib', `part-${file % 40}`, `file-${file}`)
}

/** New content each time: a random block, and again and again a block that compresses. */
function writeFile(tree: string, file: number): number {
  const content = Buffer.alloc(sizes[file % sizes.length] ?? 0, `of file ${file}, always the same `)
  for (let at = 0; at < content.byteLength; at += 2 * blockBytes)
    crypto.getRandomValues(content.subarray(at, at + blockBytes))
  writeFileSync(pathOf(tree, file), content)
  return content.byteLength
}

async function checkPlainly(url: string, want: { digest: Digest; size: number }): Promise<void> {
  const answer = await fetch(url)
  if (answer.body === null) throw new Error(`A plain client got ${answer.status} from ${url}`)
  const got = await measure(answer.body, want.digest)
  if (got.digest !== want.digest) throw new Error(`A plain client got ${got.digest} from ${url}`)
}
