import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, fixedClock, temporaryFolder } from '#kernel/index.ts'
import { openRegistry } from '../registry.ts'
import { sqliteMetadata } from './sqlite.ts'

const fixtures = join(import.meta.dir, '../../../../docs/formats/fixtures')

test.each([1, 2, 3])('a database of format %d is read', async (format) => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'registry.db')
  const written = new Database(path)
  written.run(readFileSync(join(fixtures, `registry-${format}.sql`), 'utf8'))
  written.close()
  const metadata = sqliteMetadata(path, fixedClock(0))
  expect(await metadata.repositories({})).toEqual({ items: ['vfx/imath'] })
  expect(await metadata.tags('vfx/imath', {})).toEqual({ items: ['3.1.6'] })
  const manifest = await metadata.manifest('vfx/imath', { tag: '3.1.6' })
  expect(digestOf(manifest?.bytes ?? '')).toBe(manifest?.digest ?? 'sha256:')
  const subject = manifest?.digest ?? 'sha256:'
  const [sbom] = await metadata.referrers('vfx/imath', subject, {})
  expect(sbom?.artifactType).toBe('application/spdx+json')
  expect(await metadata.blob('vfx/imath', digestOf('{}'))).toEqual({
    sizeBytes: 2,
    generation: 0,
  })
  const needs = await metadata.batch([{ text: 'SELECT must FROM need ORDER BY must' }])
  expect(needs).toEqual([[{ must: 1 }, { must: 1 }, { must: 1 }]])
  await metadata.close()
})

test('a database of a newer format is left alone', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'registry.db')
  const written = new Database(path)
  written.run('PRAGMA user_version = 99')
  written.close()
  expect(() => sqliteMetadata(path, fixedClock(0))).toThrow(/format 99/)
})

test('one server at a time has a folder', async () => {
  using folder = temporaryFolder()
  const first = await openRegistry({ dir: folder.path })
  await expect(openRegistry({ dir: folder.path })).rejects.toMatchObject({ code: 'kernel/locked' })
  await first.close()
  await (await openRegistry({ dir: folder.path })).close()
})

test('a damaged file is told as such, also where no question has met the damage yet', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'registry.db')
  const whole = sqliteMetadata(path, fixedClock(0))
  await whole.batch([
    { text: "INSERT INTO repository (id, name) VALUES (1, 'r')" },
    { text: "INSERT INTO tag VALUES (1, 't', 'sha256:x', 0)" },
  ])
  await whole.checkTables({ quick: false })
  await whole.close()
  const bytes = readFileSync(path)
  bytes.write('y', bytes.indexOf('sha256:x') + 'sha256:'.length)
  writeFileSync(path, bytes)
  const damaged = sqliteMetadata(path, fixedClock(0))
  await damaged.checkTables({ quick: true })
  await expect(damaged.checkTables({ quick: false })).rejects.toMatchObject({
    code: 'oci/bad-layout',
    message: expect.stringMatching(/registry\.db is damaged: row 1 missing from index/),
  })
  await damaged.close()
  writeFileSync(path, 'x'.repeat(8192))
  expect(() => sqliteMetadata(path, fixedClock(0))).toThrow(/is damaged: file is not a database/)
})
