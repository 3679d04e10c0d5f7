import { expect, test } from 'bun:test'
import { parseTable } from './sockets.ts'

test("the kernel's table is read: addresses of both kinds, this port, one state", () => {
  const rest = '00000000:00000000 00:00000000 00000000     0        0'
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    `   0: 0100007F:1388 0200000A:9C40 01 ${rest} 4711 1 0 20 4 30 10 -1`,
    `   1: 0100007F:1388 00000000:0000 0A ${rest} 12 1 0 100 0 0 10 0`,
    `   2: 0100007F:1389 0200000A:1388 01 ${rest} 13 1 0 20 4 30 10 -1`,
    `   3: 0000000000000000FFFF00000100007F:1388 0000000000000000FFFF00000700A8C0:1F90 01 ${rest} 14 1`,
    `   4: 00000000000000000000000001000000:1388 B80D0120000000000000000001000000:1F90 01 ${rest} 15 1`,
  ].join('\n')
  expect(parseTable(table, { port: 5000, state: 'established' })).toEqual([
    { address: '10.0.0.2', inode: 4711 },
    { address: '192.168.0.7', inode: 14 },
    { address: '2001:db8:0:0:0:0:0:1', inode: 15 },
  ])
  expect(parseTable(table, { port: 5000, state: 'listening' })).toEqual([
    { address: '127.0.0.1', inode: 12 },
  ])
})
