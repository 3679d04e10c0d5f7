/** kill -9 while many push: every acknowledged change is in the audit log, whose chain is whole. */
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, systemClock, temporaryFolder } from '#kernel/index.ts'
import {
  accessMigrations,
  accountsIn,
  listAudit,
  openDatabase,
  servicePlace,
  verifyAudit,
} from '#oci/index.ts'
import { heard } from './servers.ts'

const rounds = 5
const writers = 8

test('what was acknowledged is recorded, however often the server is killed', async () => {
  using folder = temporaryFolder()
  const config = join(folder.path, 'registry.yaml')
  writeFileSync(config, 'access: {}\n')
  const dir = join(folder.path, 'registry')
  const database = openDatabase(servicePlace({ dir }))
  await database.migrate('access', accessMigrations)
  const { secret } = await accountsIn(database, systemClock).add({
    name: 'ci',
    kind: 'token',
    grants: [{ repositories: ['**'], actions: ['push'] }],
  })
  const headers = { authorization: `Bearer ${secret}` }
  const acknowledged: string[] = []
  for (let round = 0; round < rounds; round += 1) {
    const argv = [join(import.meta.dir, 'serve-child.ts'), dir, '0', config]
    const child = Bun.spawn([process.execPath, ...argv], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const registry = await heard(child.stdout, /serving (\S+) /)
    const enough = acknowledged.length + 40
    const pushing = Array.from({ length: writers }, async (_, writer) => {
      for (let at = 0; ; at += 1) {
        const body = `${round} ${writer} ${at}`
        const path = `http://${registry}/v2/a/blobs/uploads/?digest=${digestOf(body)}`
        const answer = await fetch(path, { method: 'POST', headers, body }).catch(() => undefined)
        if (answer?.status !== 201) return
        acknowledged.push(digestOf(body))
        if (acknowledged.length === enough) child.kill('SIGKILL')
      }
    })
    await Promise.all(pushing)
    await child.exited
  }
  expect(await verifyAudit(database)).toMatchObject({ kind: 'whole' })
  const recorded = await listAudit(database, { limit: 100_000 })
  const pushed = new Set(recorded.map(({ subject }) => subject))
  expect(acknowledged.length).toBeGreaterThanOrEqual(rounds * 40)
  expect(acknowledged.filter((digest) => !pushed.has(digest))).toEqual([])
  await database.close()
}, 60_000)
