import { dlopen } from 'bun:ffi'
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { ourRegistry } from '../../test/protocol/servers.ts'
import { filesOf, socketsAt } from './sockets.ts'

/** tcp(7), TCP_CONGESTION, of an open file. */
function congestionControlOf(file: number): string {
  const { symbols } = dlopen('libc.so.6', {
    getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  })
  const [name, length] = [Buffer.alloc(16), new Uint32Array([16])]
  expect(symbols.getsockopt(file, 6, 13, name, length)).toBe(0)
  return name.toString('latin1').split('\0')[0] ?? ''
}

/** What decides how fast the server sends to who asks it, at each of its connections. */
async function ofConnections(host: string): Promise<readonly string[]> {
  await using server = await ourRegistry({ host })
  const port = Number(new URL(server.url).port)
  expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200)
  return filesOf(socketsAt(port, 'established')).map(congestionControlOf)
}

test('what is sent on loopback is not paced', async () => {
  expect(await ofConnections('127.0.0.1')).toEqual(['reno'])
})

test("on other addresses the system's choice stays", async () => {
  const chosen = readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim()
  expect(await ofConnections('0.0.0.0')).toEqual([chosen])
})
