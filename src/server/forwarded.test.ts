import { expect, test } from 'bun:test'
import { outsideOf } from './forwarded.ts'

const behind = outsideOf({ proxies: ['10.0.0.0/8', 'fd00::/8', '192.0.2.7'], own: 'http://own:1' })
const request = (headers: Record<string, string>) => new Request('http://x/', { headers })
const forwarded = (chain: string) => request({ 'x-forwarded-for': chain })

test.each<[string, string, string]>([
  ['198.51.100.1', '203.0.113.9', '198.51.100.1'],
  ['10.1.2.3', '203.0.113.9', '203.0.113.9'],
  ['::ffff:10.1.2.3', '203.0.113.9', '203.0.113.9'],
  ['fd00::1', '2001:db8::9', '2001:db8::9'],
  ['10.1.2.3', '1.1.1.1, 203.0.113.9', '203.0.113.9'],
  ['10.1.2.3', '1.1.1.1, 203.0.113.9, 192.0.2.7', '203.0.113.9'],
  ['10.1.2.3', '10.0.0.1', '10.0.0.1'],
  ['10.1.2.3', 'forged', '10.1.2.3'],
  ['10.1.2.3', '', '10.1.2.3'],
  ['', '203.0.113.9', ''],
])('from %s with «%s»: %s', (peer, chain, address) => {
  expect(behind.address(forwarded(chain), peer)).toBe(address)
})

test('what a stranger says of proxies counts for nothing', () => {
  const headers = {
    host: 'registry.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.example',
  }
  expect(behind.url(request(headers), '198.51.100.1')).toBe('http://registry.example')
  expect(behind.url(request(headers), '10.0.0.1')).toBe('https://evil.example')
  expect(outsideOf({ own: 'http://own:1' }).url(request(headers), '10.0.0.1')).toBe(
    'http://registry.example',
  )
})

test('a host that is none is not repeated', () => {
  for (const host of ['a"b', 'x y', '', 'a/b', 'x'.repeat(300)])
    expect(behind.url(request({ host }), '198.51.100.1')).toBe('http://own:1')
  const fixed = outsideOf({ url: 'https://registry.example.org/', own: 'http://own:1' })
  expect(fixed.url(request({ host: 'evil.example' }), '')).toBe('https://registry.example.org')
})
