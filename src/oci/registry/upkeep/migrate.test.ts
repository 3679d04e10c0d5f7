/** Moving what is more than repositories: accounts, audit log, traffic, the bin; and being killed. */
import { Database } from 'bun:sqlite'
import { afterAll, expect, test as plain } from 'bun:test'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, digestOf, one, systemClock } from '#kernel/index.ts'
import { programArgv } from '../../../../test/cli/harness.ts'
import { storageKinds, type StoragePlace, stopStorages } from '../../../../test/storages.ts'
import { accessMigrations, accountsIn } from '../../access/accounts.ts'
import { auditIn, listAudit, verifyAudit } from '../../access/audit.ts'
import { openTraffic } from '../../traffic/traffic.ts'
import { openRegistry } from '../registry.ts'
import { migrateStorage } from '../upkeep.ts'

afterAll(stopStorages)

const [local, shared] = storageKinds
const directions = [
  [local, shared],
  [shared, local],
] as const
const test = shared?.test ?? plain
const grants = [{ repositories: ['**'], actions: ['pull' as const] }]
const bytesOf = (text: string) => new TextEncoder().encode(text)

const event = {
  who: 'ada',
  kind: 'user',
  action: 'manifest.push',
  repository: 'lab/a',
  subject: 't',
  source: '192.0.2.1',
  outcome: 'done',
}

async function pushImage(
  place: StoragePlace,
  tag: string,
  layer = `layer of ${tag}`,
): Promise<Digest> {
  const registry = await openRegistry(place.options)
  const bytes = bytesOf(layer)
  const id = await registry.startUpload('lab/a')
  await registry.appendUpload('lab/a', id, { chunks: one(bytes) })
  const { digest, sizeBytes: size } = await registry.finishUpload('lab/a', id, digestOf(bytes))
  const descriptor = { mediaType: 'application/octet-stream', digest, size }
  const manifest = { schemaVersion: 2, config: descriptor, layers: [descriptor] }
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const put = { reference: tag, mediaType, bytes: bytesOf(JSON.stringify(manifest)) }
  const receipt = await registry.putManifest('lab/a', put)
  await registry.close()
  return receipt.digest
}

/** Two users of whom one is gone, 1,200 audit records, traffic, a tag and a manifest in the bin. */
async function fill(place: StoragePlace) {
  await pushImage(place, 'kept')
  const deleted = await pushImage(place, 'deleted')
  const registry = await openRegistry(place.options)
  const { database } = registry
  await database.migrate('access', accessMigrations)
  const accounts = accountsIn(database, systemClock)
  const robot = await accounts.add({ name: 'ci', kind: 'token', grants })
  await accounts.add({ name: 'gone', kind: 'token', grants })
  await accounts.revoke('token', 'gone')
  const log = auditIn(database, systemClock)
  await Promise.all(Array.from({ length: 1200 }, () => log.append(event)))
  const traffic = await openTraffic({
    database,
    clock: systemClock,
    emit: () => undefined,
    server: 'a',
  })
  traffic.count({
    repository: 'lab/a',
    upstream: '',
    client: 'docker',
    kind: 'blob',
    outcome: 'own',
    sentBytes: 4711,
    receivedBytes: 0,
  })
  await traffic.close()
  for (const repository of ['lab/a', 'lab/b']) await registry.startUpload(repository)
  await registry.removeManifest('lab/a', deleted)
  await registry.removeManifest('lab/a', 'kept')
  await registry.close()
  return { secret: robot.secret, deleted }
}

for (const [from, to] of directions)
  test(`from ${from?.name} to ${to?.name}: accounts, log, traffic and bin move`, async () => {
    if (from === undefined || to === undefined) throw new Error('Two storages are needed')
    await using source = await from.open()
    await using target = await to.open()
    const { secret, deleted } = await fill(source)
    const report = await migrateStorage(source.options, target.options)
    expect(report).toMatchObject({ accounts: 1, auditRecords: 1203, trafficRows: 1, recycled: 3 })
    expect(report.uploadsLeft).toBe(2)
    // Again, with more at the source: it goes on from where it was.
    const again = await pushImage(source, 'later')
    const filled = await openRegistry(source.options)
    await auditIn(filled.database, systemClock).append(event)
    const head = await verifyAudit(filled.database)
    const records = await listAudit(filled.database, { limit: 2000 })
    await filled.close()
    expect((await migrateStorage(source.options, target.options)).auditRecords).toBe(1204)

    const moved = await openRegistry(target.options)
    const { database } = moved
    const accounts = accountsIn(database, systemClock)
    expect((await accounts.token(secret))?.name).toBe('ci')
    const { account } = await accounts.add({ name: 'new', kind: 'token', grants })
    // Not that of the one that is gone: bearer tokens of it would be good again.
    expect(account.id).toBeGreaterThan(2)
    expect(head.kind).toBe('whole')
    const noted = head.kind === 'whole' ? head.head : undefined
    expect(await verifyAudit(database, noted)).toMatchObject({ kind: 'whole', head: { seq: 1205 } })
    expect((await listAudit(database, { limit: 2000 })).slice(0, 1204)).toEqual([...records])
    const traffic = await openTraffic({
      database,
      clock: systemClock,
      emit: () => undefined,
      server: 'b',
    })
    expect(await traffic.sums({ by: ['client'], fromDay: 0, limit: 9 })).toMatchObject([
      { client: 'docker', sentBytes: 4711 },
    ])
    await traffic.close()
    expect((await moved.manifest('lab/a', 'later'))?.digest).toBe(again)
    expect(await moved.upkeep.recycled()).toHaveLength(3)
    await moved.upkeep.collect({ graceMs: 0 })
    await moved.upkeep.restore('lab/a', { tag: 'deleted' })
    expect((await moved.manifest('lab/a', 'deleted'))?.digest).toBe(deleted)
    expect(await moved.blob('lab/a', digestOf('layer of deleted'))).toBeDefined()
    expect((await moved.upkeep.check()).damage).toEqual([])
    await moved.close()
    // Now it has a log of its own, and the source must not be mixed into it.
    const mixed = await openRegistry(source.options)
    await auditIn(mixed.database, systemClock).append(event)
    await mixed.close()
    await expect(migrateStorage(source.options, target.options)).rejects.toMatchObject({
      code: 'oci/target-in-use',
    })
  })

/** Why a move fails. What `expect` awaits itself goes slowly beside connections to a database. */
async function refusal(
  from: StoragePlace,
  to: StoragePlace,
  options: Parameters<typeof migrateStorage>[2] = {},
): Promise<unknown> {
  try {
    return await migrateStorage(from.options, to.options, options)
  } catch (error) {
    return error
  }
}

test('a target with something of its own is refused, and left as it is', async () => {
  if (local === undefined) throw new Error('A storage is needed')
  await using source = await local.open()
  await using target = await local.open()
  await pushImage(source, 'kept')
  await migrateStorage(source.options, target.options)
  const own = await pushImage(target, 'else')
  await pushImage(source, 'else', 'other bytes')
  expect(await refusal(source, target)).toMatchObject({ code: 'oci/target-in-use' })
  const registry = await openRegistry(target.options)
  expect((await registry.manifest('lab/a', 'else'))?.digest).toBe(own)
  await registry.close()

  await using another = await local.open()
  const elsewhere = await openRegistry(another.options)
  const id = await elsewhere.startUpload('other/x')
  await elsewhere.finishUpload('other/x', id, digestOf(''))
  await elsewhere.close()
  expect(await refusal(source, another)).toMatchObject({
    code: 'oci/target-in-use',
    message: 'The target has other/x, which the source has not',
  })
})

test('a tag that came to the target alone is found, and told', async () => {
  if (local === undefined) throw new Error('A storage is needed')
  await using source = await local.open()
  await using target = await local.open()
  await pushImage(source, 'kept')
  await migrateStorage(source.options, target.options)
  await pushImage(target, 'else', 'layer of kept')
  expect(await refusal(source, target)).toMatchObject({ code: 'oci/target-differs' })
})

test('a source that is pushed to while it is moved is told, not taken for moved', async () => {
  if (local === undefined) throw new Error('A storage is needed')
  await using source = await local.open()
  await using target = await local.open()
  await pushImage(source, 'kept')
  const onProgress = () => {
    using database = new Database(join(source.served.dir, 'registry.db'))
    database.run('UPDATE tag SET moved_ms = moved_ms + 1')
  }
  expect(await refusal(source, target, { onProgress })).toMatchObject({
    code: 'oci/target-differs',
    message: 'The source was changed while it was moved',
  })
  expect(await migrateStorage(source.options, target.options)).toMatchObject({ tags: 1 })
})

/** Hashes of the source's files, apart from what its lock and SQLite's journal are. */
function filesOf(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(?:db-wal|db-shm|lock)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(
    names.map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  )
}

test('a move that is killed goes on, and the source is as it was', async () => {
  if (local === undefined || shared === undefined) throw new Error('Two storages are needed')
  await using source = await local.open()
  await using target = await shared.open()
  await fill(source)
  for (let at = 0; at < 12; at += 1) await pushImage(source, `t${at}`)
  const before = filesOf(source.served.dir)
  const fromFlags = ['--from', source.configFile, '--from-data', source.served.dir]
  const toFlags = ['--to', target.configFile, '--to-data', target.served.dir]
  const flags = [...fromFlags, ...toFlags, '--format', 'json']
  const argv = [...programArgv(), 'registry', 'migrate', ...flags]
  const env = { PATH: process.env['PATH'] ?? '', HOME: target.served.dir }
  let kills = 0
  for (let delayMs = 200; ; delayMs += 150) {
    const child = Bun.spawn(argv, { env, stdio: ['ignore', 'pipe', 'ignore'] })
    const ended = await Promise.race([child.exited, Bun.sleep(delayMs)])
    if (ended === undefined) {
      child.kill('SIGKILL')
      await child.exited
      kills += 1
      continue
    }
    expect(ended).toBe(0)
    const report: unknown = await new Response(child.stdout).json()
    expect(report).toMatchObject({ tags: 12, recycled: 3, auditRecords: 1203 })
    break
  }
  expect(kills).toBeGreaterThan(1)
  expect(filesOf(source.served.dir)).toEqual(before)
  const moved = await openRegistry(target.options)
  expect((await moved.upkeep.check()).damage).toEqual([])
  await moved.close()
}, 60_000)
