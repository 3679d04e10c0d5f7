import { afterAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type Emit, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../test/outside.ts'
import { postgresPrograms, sharedPostgres, stopPostgres } from '../../../test/postgres.ts'
import { type Database, openDatabase } from '../registry/database.ts'
import type { TrafficEvent } from './contract.ts'
import { openTraffic } from './traffic.ts'

const dayMs = 86_400_000
const folder = temporaryFolder()
const inPostgres = outside(postgresPrograms)
afterAll(async () => {
  await stopPostgres()
  folder[Symbol.dispose]()
})
let files = 0

const event: TrafficEvent = {
  repository: 'aswf/a',
  upstream: '',
  client: 'docker',
  kind: 'blob',
  outcome: 'own',
  sentBytes: 3_000_000_000,
  receivedBytes: 1,
}

function placed(database: Database, server = 'one', nowMs = 100 * dayMs) {
  const clock = { nowMs: () => nowMs }
  const emit: Emit = () => undefined
  return openTraffic({ database, clock, server, emit })
}

const drivers: readonly (readonly [string, typeof test, () => Promise<Database>])[] = [
  [
    'SQLite',
    test,
    async () => openDatabase({ kind: 'sqlite', path: join(folder.path, `${(files += 1)}.db`) }),
  ],
  [
    'PostgreSQL',
    inPostgres,
    async () => {
      return openDatabase({ kind: 'postgres', url: await (await sharedPostgres()).fresh() })
    },
  ],
]

for (const [name, testIt, open] of drivers) {
  testIt(`${name}: sums by any field, over days, servers and restarts`, async () => {
    const database = await open()
    const one = await placed(database)
    for (let at = 0; at < 3; at += 1) one.count(event)
    one.count({ ...event, repository: 'b', client: 'curl', sentBytes: 10 })
    one.countUpstream({ upstream: 'hub', method: 'GET', status: 200, receivedBytes: 0 })
    one.countUpstream({ upstream: 'hub', method: 'GET', status: 200, receivedBytes: 77 })
    await one.flush()
    one.count(event)
    await one.close()
    const two = await placed(database, 'two', 101 * dayMs)
    two.count(event)
    expect(await two.sums({ by: ['namespace'] })).toEqual([
      { namespace: 'aswf', requests: 5, sentBytes: 15_000_000_000, receivedBytes: 5 },
      { namespace: 'b', requests: 1, sentBytes: 10, receivedBytes: 1 },
    ])
    expect(await two.sums({ by: ['day', 'client'], fromDay: 101 })).toEqual([
      { day: 101, client: 'docker', requests: 1, sentBytes: 3_000_000_000, receivedBytes: 1 },
    ])
    expect(await two.sums({ by: [] })).toMatchObject([{ requests: 6 }])
    expect(await two.sums({ by: ['repository'], limit: 1 })).toHaveLength(1)
    expect(two.totals().map(({ requests }) => requests)).toEqual([1])
    await two.close()
    const again = await placed(database)
    expect(again.totals().map(({ namespace, requests }) => [namespace, requests])).toEqual([
      ['aswf', 4],
      ['b', 1],
    ])
    expect(again.upstreamTotals()).toEqual([
      { upstream: 'hub', method: 'GET', status: 200, requests: 1, receivedBytes: 77 },
    ])
    await again.close()
    await database.close()
  })
}

test('what could not be written is written later, once', async () => {
  const database = openDatabase({ kind: 'sqlite', path: join(folder.path, 'refusing.db') })
  let refuses = true
  const refusing: Database = {
    ...database,
    transaction: async (work) => {
      if (refuses) throw new Error('gone')
      return await database.transaction(work)
    },
  }
  const traffic = await placed(refusing)
  traffic.count(event)
  traffic.countUpstream({ upstream: 'hub', method: 'GET', status: 200, receivedBytes: 0 })
  await expect(traffic.flush()).rejects.toThrow('gone')
  traffic.count(event)
  traffic.countUpstream({ upstream: 'hub', method: 'GET', status: 200, receivedBytes: 5 })
  await expect(traffic.flush()).rejects.toThrow('gone')
  refuses = false
  await traffic.flush()
  await traffic.flush()
  expect(await traffic.sums({ by: [] })).toMatchObject([{ requests: 2 }])
  const rows = await database.query('SELECT requests, received_bytes FROM upstream_traffic')
  expect(rows).toEqual([{ requests: 1, received_bytes: 5 }])
  await traffic.close()
  await database.close()
})

test('the number of namespaces that are told apart is bounded', async () => {
  const database = openDatabase({ kind: 'sqlite', path: join(folder.path, 'many.db') })
  const traffic = await placed(database)
  for (let at = 0; at < 1000; at += 1) traffic.count({ ...event, repository: `n${at}/a` })
  expect(traffic.totals()).toHaveLength(201)
  expect(traffic.totals().at(-1)).toMatchObject({ namespace: 'other', requests: 800 })
  await traffic.close()
  await database.close()
})
