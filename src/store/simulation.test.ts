/** Blobs on a disk that crashes, fills up and reads short: what was acknowledged stays. */
import { expect, test } from 'bun:test'
import { type Digest, digestOf, one, readAll, temporaryFolder } from '#kernel/index.ts'
import { type BlobStore, memoryBlobs } from './blobs.ts'
import { diskBlobs } from './disk-blobs.ts'
import { faultyBlobs } from './faulty-blobs.ts'

const seeds = Array.from({ length: 20 }, (_, index) => 1000 + index * 7919)
const faults = { crash: 0.2, 'short-read': 0.3, 'full-disk': 0.2, slow: 0.3 }

async function simulate(inner: BlobStore, seed: number): Promise<Set<Digest>> {
  const blobs = faultyBlobs(inner, seed, faults)
  const promised = new Set<Digest>()
  for (let step = 0; step < 60; step += 1) {
    const bytes = Buffer.from(`blob ${(seed + step * step) % 25} `.repeat(1 + (step % 9) * 300))
    const digest = digestOf(bytes)
    const want = { maxBytes: 100_000, ...(step % 2 === 0 ? { digest } : {}) }
    try {
      if (step % 7 === 6) {
        promised.delete(digest) // From here on it may be there or not.
        await blobs.remove(digest)
      } else if (step % 5 === 4) await readAll(blobs.read(digest), 100_000, 'blob')
      else promised.add((await blobs.write(one(bytes), want)).digest)
    } catch {
      continue // Every fault is an outcome; what matters is what is there at the end.
    }
  }
  return promised
}

async function check(inner: BlobStore, promised: ReadonlySet<Digest>, seed: number): Promise<void> {
  const listed: Digest[] = []
  for await (const { digest } of inner.list()) {
    listed.push(digest)
    const bytes = await readAll(inner.read(digest), 100_000, 'blob')
    expect([seed, digestOf(bytes)]).toEqual([seed, digest])
  }
  for (const digest of promised) expect([seed, listed.includes(digest)]).toEqual([seed, true])
}

test.each(seeds)(
  'seed %d: acknowledged blobs are whole and nothing else is visible',
  async (seed) => {
    using folder = temporaryFolder()
    for (const inner of [memoryBlobs(), diskBlobs(folder.path)])
      await check(inner, await simulate(inner, seed), seed)
  },
)

test('the same seed gives the same faults', async () => {
  const [first, second] = [await simulate(memoryBlobs(), 42), await simulate(memoryBlobs(), 42)]

  expect([...first]).toEqual([...second])
  expect(first.size).toBeGreaterThan(0)
})
