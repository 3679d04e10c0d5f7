import { expect, test } from 'bun:test'
import { linkSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, digestOf, temporaryFolder } from '#kernel/index.ts'
import { openArrival } from './arrival.ts'

const bytes = new TextEncoder().encode('the whole blob')

/** A blob that arrives at once, and what it becomes. */
function arrivalIn(dir: string, adopt: (path: string) => Promise<void>) {
  return openArrival({
    digest: digestOf(bytes),
    sizeBytes: bytes.byteLength,
    path: join(dir, 'growing'),
    fetch: async function* () {
      yield bytes
    },
    adopt,
    firstDelayMs: 1,
    lied: () => new AppError('oci/digest-invalid', 'other bytes'),
  })
}

test('a file that became a blob of one repository, not of the next, keeps its bytes', async () => {
  using folder = temporaryFolder()
  const blob = join(folder.path, 'blob')
  const arrival = arrivalIn(folder.path, async (path) => {
    linkSync(path, blob)
    throw new AppError('oci/database-gone', 'The database went away')
  })
  arrival.start()
  expect(await arrival.ended).toMatchObject({ code: 'oci/database-gone' })
  expect(readFileSync(blob)).toEqual(Buffer.from(bytes))
})

test('what becomes a blob while it is given up is one when it has ended', async () => {
  using folder = temporaryFolder()
  const [becoming, became] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const blob = join(folder.path, 'blob')
  const arrival = arrivalIn(folder.path, async (path) => {
    linkSync(path, blob)
    becoming.resolve()
    await became.promise
  })
  const seen: string[] = []
  const ended = arrival.ended.then((failure) => seen.push(failure?.code ?? 'a blob'))
  arrival.start()
  await becoming.promise
  arrival.abandon(new AppError('kernel/cancelled', 'The server ends'))
  seen.push('given up')
  became.resolve()
  await ended
  expect(seen).toEqual(['given up', 'a blob'])
  expect(readFileSync(blob)).toEqual(Buffer.from(bytes))
})
