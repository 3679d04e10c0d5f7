import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { digestOf } from './digest.ts'
import { threadDigester } from './digest-thread.ts'
import { temporaryFolder } from './files.ts'

function shared(text: string): Uint8Array<SharedArrayBuffer> {
  const bytes = new TextEncoder().encode(text)
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.byteLength))
  memory.set(bytes)
  return memory
}

test('digests that other threads compute take turns and do not mix', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'file')
  const head = 'h'.repeat(1_500_000)
  await Bun.write(path, `${head}not this`)
  const names = Array.from({ length: 6 }, (_, index) => `part ${index}`)
  const digests = await Promise.all(
    names.map(async (name, index) => {
      using digester = threadDigester(index % 2 === 0 ? 'sha256' : 'sha512')
      await digester.updateFrom(path, head.length)
      await digester.update(shared(name))
      return await digester.digest()
    }),
  )
  expect(digests).toEqual(
    names.map((name, index) => digestOf(head + name, index % 2 === 0 ? 'sha256' : 'sha512')),
  )
})

/** What it fails with. `expect(…).rejects` would wait inside the answer of the thread before. */
async function fault(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : error),
  )
}

test('a digest that lacks bytes is never told', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'file')
  await Bun.write(path, 'short')
  using digester = threadDigester()
  expect(await fault(digester.updateFrom(path, 6))).toContain('ends after 5 of 6 bytes')
  expect(await fault(digester.update(shared('more')))).toContain('no such digest')
  expect(await fault(digester.digest())).toContain('no such digest')
})

test('a digest ends once', async () => {
  using digester = threadDigester()
  expect(await digester.digest()).toBe(digestOf(''))
  expect(await fault(digester.digest())).toContain('no such digest')
})
