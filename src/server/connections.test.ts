import { expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { parseRegistryConfig } from '#model/index.ts'
import { ourRegistry } from '../../test/protocol/servers.ts'
import { until } from '../../test/until.ts'
import { connectionLimits, surplus } from './connections.ts'

const none = (_address: string): boolean => false
const of = (address: string, ...inodes: readonly number[]) =>
  inodes.map((inode) => ({ address, inode }))

test('an address over its limit loses connections, and in all those who have the most', () => {
  const all = [...of('10.0.0.1', 5, 1, 9, 7), ...of('10.0.0.2', 3, 4), ...of('10.0.0.3', 8)]
  const left = (connections: number, connectionsPerAddress: number, trusted = none) => {
    const over = new Set(surplus(all, { connections, connectionsPerAddress }, trusted))
    const stay = Map.groupBy(
      all.filter((one) => !over.has(one)),
      ({ address }) => address,
    )
    return ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => stay.get(address)?.length ?? 0)
  }
  expect(left(7, 4)).toEqual([4, 2, 1])
  expect(left(7, 2)).toEqual([2, 2, 1])
  expect(left(6, 4)).toEqual([3, 2, 1])
  expect(left(4, 4)).toEqual([1, 1, 1])
  expect(left(2, 4)).toEqual([0, 0, 0])
  const first = (address: string) => address === '10.0.0.1'
  expect(left(7, 1, first)).toEqual([4, 1, 1])
  expect(left(5, 4, first)).toEqual([4, 0, 0])
  expect(left(3, 4, first)).toEqual([3, 0, 0])
})

test('addresses of one IPv6 network count together', () => {
  const all = [...of('2001:db8:0:1:0:0:0:1', 1), ...of('2001:db8:0:1:ffff:0:0:2', 2)]
  const limits = { connections: 9, connectionsPerAddress: 1 }
  expect(surplus(all, limits, none)).toHaveLength(1)
  expect(surplus([...all, ...of('2001:db8:0:2:0:0:0:1', 3)], limits, none)).toHaveLength(1)
})

test('what is not given leaves files for other things, and others a part', () => {
  const usual = connectionLimits({})
  expect(usual.connections).toBeGreaterThan(100)
  expect(usual.connectionsPerAddress).toBeLessThan(usual.connections)
  expect(connectionLimits({ connections: 8 })).toEqual({ connections: 8, connectionsPerAddress: 6 })
})

/** Opens connections from an address of this machine; `open` are those that were not closed. */
async function crowdFrom(port: number, { from, count }: { from: string; count: number }) {
  const open = new Set<Socket>()
  const began = Array.from({ length: count }, async () => {
    const there = Promise.withResolvers<void>()
    const socket = connect({ port, host: '127.0.0.1', localAddress: from }, () => {
      open.add(socket)
      there.resolve()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
    socket.resume()
    await there.promise
  })
  await Promise.all(began)
  return {
    open,
    [Symbol.dispose]: () => {
      for (const socket of open) socket.destroy()
    },
  }
}

test('an address with too many connections loses some, and others lose none', async () => {
  const yaml = 'limits: { connections: 400, connections-per-address: 60 }'
  const warnings: string[] = []
  await using server = await ourRegistry({
    config: parseRegistryConfig(yaml, 'registry.yaml'),
    emit: (event) => event.kind === 'warning' && warnings.push(event.text),
  })
  const port = Number(new URL(server.url).port)
  using quiet = await crowdFrom(port, { from: '127.0.0.2', count: 40 })
  using greedy = await crowdFrom(port, { from: '127.0.0.3', count: 300 })
  await until(async () => {
    expect((await fetch(`${server.url}/v2/`)).status).toBe(200)
    return greedy.open.size <= 60
  })
  expect(greedy.open.size).toBe(60)
  expect(quiet.open.size).toBe(40)
  expect(warnings[0]).toMatch(/^\d+ connections over limits\.connections were closed/)
})

test('more connections than there may be in all: those go who have the most', async () => {
  const yaml = 'limits: { connections: 50, connections-per-address: 50 }'
  const config = parseRegistryConfig(yaml, 'registry.yaml')
  await using server = await ourRegistry({ config })
  const port = Number(new URL(server.url).port)
  using few = await crowdFrom(port, { from: '127.0.0.2', count: 20 })
  using many = await crowdFrom(port, { from: '127.0.0.3', count: 49 })
  await until(() => many.open.size <= 30)
  expect([few.open.size, many.open.size]).toEqual([20, 30])
  expect((await fetch(`${server.url}/v2/`)).status).toBe(200)
})
