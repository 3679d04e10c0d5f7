/**
 * What every driver of `Metadata` must do; a driver's test is one line that calls this.
 */
import { expect, test as always } from 'bun:test'
import { type Digest, digestOf } from '#kernel/index.ts'
import type { Keeps } from '../contract.ts'
import type { ManifestKey, ManifestWrite, Metadata } from './contract.ts'

export interface MetadataPlace extends AsyncDisposable {
  /** Opens the same metadata again; more than one of them where `many`. */
  open(): Promise<Metadata>
  /** Whether several servers may have it at once. */
  readonly many: boolean
}

const mediaType = 'application/vnd.oci.image.index.v1+json'
const blob = (text: string, generation = 0) => ({
  digest: digestOf(text),
  sizeBytes: text.length,
  generation,
  isNew: true,
})

function write(text: string, more: Partial<ManifestWrite> = {}): ManifestWrite {
  const bytes = new TextEncoder().encode(text)
  const digest = digestOf(bytes)
  const descriptor = { mediaType, digest, size: bytes.byteLength }
  const record = { digest, mediaType, bytes, subject: undefined, descriptor }
  const sizes = new Map<Digest, number>()
  return { record, tags: [], needs: [], names: [], sizes, replaces: undefined, ...more }
}

/** Registers the suite for one driver. */
export function metadataContract(
  name: string,
  open: () => Promise<MetadataPlace>,
  test: typeof always = always,
): void {
  test(`${name}: a blob is a repository’s when it was linked or mounted`, async () => {
    await using place = await open()
    const metadata = await place.open()
    const one = blob('one')
    expect(await metadata.placeToFill(one.digest)).toEqual({ kind: 'empty', generation: 0 })
    expect(await metadata.linkBlob('a/b', one)).toEqual({ kind: 'linked' })
    expect(await metadata.linkBlob('a/b', one)).toEqual({ kind: 'linked' })
    expect(await metadata.blob('a/b', one.digest)).toEqual({ sizeBytes: 3, generation: 0 })
    expect(await metadata.blob('a', one.digest)).toBeUndefined()
    expect(await metadata.mountBlob('c', { digest: one.digest, from: 'x' })).toBeUndefined()
    expect(await metadata.mountBlob('c', { digest: one.digest, from: 'a/b' })).toBe(3)
    expect((await metadata.holders(one.digest, 9)).toSorted()).toEqual(['a/b', 'c'])
    expect(await metadata.unlinkBlob('c', one.digest)).toEqual({ kind: 'removed' })
    expect(await metadata.unlinkBlob('c', one.digest)).toEqual({ kind: 'absent' })
    expect(await metadata.holders(one.digest, 9)).toEqual(['a/b'])
    await metadata.close()
  })

  test(`${name}: a condemned generation is not used, damaged copies make way`, async () => {
    await using place = await open()
    const metadata = await place.open()
    const one = blob('one')
    const condemn = (generation: number): [{ text: string; values: (string | number)[] }] => [
      {
        text: 'INSERT INTO tombstone (digest, generation, condemned_ms) VALUES (?, ?, 1)',
        values: [one.digest, generation],
      },
    ]
    await metadata.batch(condemn(0))
    expect(await metadata.placeToFill(one.digest)).toEqual({ kind: 'empty', generation: 1 })
    expect(await metadata.linkBlob('a', one)).toEqual({ kind: 'condemned' })
    expect(await metadata.blob('a', one.digest)).toBeUndefined()
    expect(await metadata.linkBlob('a', blob('one', 1))).toEqual({ kind: 'linked' })
    expect(await metadata.linkBlob('b', blob('one', 2))).toEqual({ kind: 'elsewhere' })
    expect(await metadata.blob('b', one.digest)).toEqual({ sizeBytes: 3, generation: 1 })
    const found = { ...blob('one', 1), isNew: false }
    expect(await metadata.linkBlob('c', found)).toEqual({ kind: 'linked' })

    await metadata.batch([
      { text: 'UPDATE stored SET damaged_ms = 1 WHERE digest = ?', values: [one.digest] },
    ])
    expect(await metadata.blob('a', one.digest)).toBeUndefined()
    expect(await metadata.mountBlob('d', { digest: one.digest, from: 'a' })).toBeUndefined()
    expect(await metadata.linkBlob('c', found)).toEqual({ kind: 'condemned' })
    expect(await metadata.placeToFill(one.digest)).toEqual({ kind: 'empty', generation: 3 })
    expect(await metadata.linkBlob('a', blob('one', 3))).toEqual({ kind: 'linked' })
    expect(await metadata.blob('b', one.digest)).toEqual({ sizeBytes: 3, generation: 3 })
    expect(await metadata.linkBlob('a', blob('one', 1))).toEqual({ kind: 'condemned' })
    await metadata.close()
  })

  test(`${name}: a manifest needs its blobs, and a tag names it in the same step`, async () => {
    await using place = await open()
    const metadata = await place.open()
    const one = blob('one')
    const put = write('{}', { tags: ['b', 'a'], needs: [one.digest], names: [digestOf('child')] })
    expect(await metadata.putManifest('r', put)).toEqual({ kind: 'missing', digest: one.digest })
    expect(await metadata.manifest('r', { tag: 'a' })).toBeUndefined()
    await metadata.linkBlob('r', one)
    expect(await metadata.putManifest('r', put)).toEqual({ kind: 'stored' })
    const found = await metadata.manifest('r', { tag: 'a' })
    expect(new TextDecoder().decode(found?.bytes)).toBe('{}')
    expect(found).toMatchObject({ digest: put.record.digest, mediaType })
    expect(await metadata.tags('r', {})).toEqual({ items: ['a', 'b'] })
    expect(await metadata.tags('r', { limit: 1 })).toEqual({ items: ['a'], next: 'a' })
    expect(await metadata.tags('r', { after: 'a' })).toEqual({ items: ['b'] })
    expect(await metadata.tags('none', {})).toBeUndefined()
    const removed = (key: ManifestKey, keeps?: Keeps) =>
      metadata.removeManifest('r', key, { reason: 'test', keeps })
    const { digest } = put.record
    const kept = { kind: 'kept', tag: 'a', digest } as const
    for (const key of [{ tag: 'a' }, { digest }, { digest: digestOf('child') }])
      expect(await removed(key, (tag) => tag === 'a')).toEqual(kept)
    expect(await metadata.unlinkBlob('r', one.digest, (tag) => tag === 'a')).toEqual(kept)
    expect(await removed({ tag: 'a' }, (tag) => tag === 'b')).toEqual({ kind: 'removed' })
    expect(await removed({ tag: 'a' }, () => true)).toEqual({ kind: 'absent' })
    expect(await removed({ digest })).toEqual({ kind: 'removed' })
    expect(await removed({ digest }, () => true)).toEqual({ kind: 'absent' })
    expect(await metadata.manifest('r', { tag: 'b' })).toBeUndefined()
    expect(await metadata.manifest('r', { digest: put.record.digest })).toBeUndefined()
    expect(await metadata.tags('r', {})).toEqual({ items: [] })
    await metadata.recordPulls([{ repository: 'r', digest: put.record.digest, atMs: 7 }])
    await metadata.close()
  })

  test(`${name}: referrers by type and page, repositories by page`, async () => {
    await using place = await open()
    const metadata = await place.open()
    const subject = digestOf('subject')
    const digests: Digest[] = []
    for (const [index, artifactType] of ['x/a', 'x/b', 'x/a'].entries()) {
      const { record } = write(`{"n":${index}}`)
      const descriptor = { ...record.descriptor, artifactType }
      digests.push(record.digest)
      await metadata.putManifest('r', {
        ...write(''),
        record: { ...record, subject, descriptor },
      })
    }
    const all = await metadata.referrers('r', subject, {})
    expect(all.map(({ digest }) => digest)).toEqual(digests.toSorted())
    expect(await metadata.referrers('r', subject, { artifactType: 'x/a' })).toHaveLength(2)
    const after = all[0]?.digest ?? ''
    expect(await metadata.referrers('r', subject, { after, limit: 1 })).toEqual(all.slice(1, 2))
    for (const repository of ['b', 'a/c', 'B']) await metadata.linkBlob(repository, blob('one'))
    expect(await metadata.repositories({ limit: 2 })).toEqual({ items: ['B', 'a/c'], next: 'a/c' })
    expect(await metadata.repositories({ after: 'a/c' })).toEqual({ items: ['b', 'r'] })
    await metadata.close()
  })

  test(`${name}: of those who replace a tag at once, one does`, async () => {
    await using place = await open()
    const servers = [await place.open()]
    if (place.many) servers.push(await place.open(), await place.open())
    const [first] = servers
    for (const replaces of ['absent', write('{"n":0}').record.digest] as const) {
      if (replaces !== 'absent') await first?.putManifest('r', write('{"n":0}', { tags: ['t'] }))
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          servers[index % servers.length]?.putManifest(
            'r',
            write(`{"n":${index + 1}}`, { tags: ['t'], replaces }),
          ),
        ),
      )
      const stored = outcomes.flatMap((outcome, at) => (outcome?.kind === 'stored' ? [at] : []))
      expect(stored).toHaveLength(1)
      const winner = write(`{"n":${(stored[0] ?? 0) + 1}}`)
      expect((await first?.manifest('r', { tag: 't' }))?.digest).toBe(winner.record.digest)
    }
    for (const server of servers) await server.close()
  })
}
