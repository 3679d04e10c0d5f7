import { expect, test } from 'bun:test'
import { guardedFetch, isPublicAddress } from './addresses.ts'

test.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.31.255.255',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  'fc00::1',
  'fe80::1%eth0',
  'fd00:ec2::254',
  'ff02::1',
  '[::1]',
  'localhost',
  '',
  '127.1',
])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false))

test.each(['8.8.8.8', '172.32.0.1', '1.1.1.1', '2606:4700:4700::1111', '[2606:4700:4700::1111]'])(
  '%s is public',
  (address) => expect(isPublicAddress(address)).toBe(true),
)

const nobodyAsked = () => {
  throw new Error('The name was resolved')
}

test.each([
  'http://127.0.0.1:1/',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://[::1]/',
  'http://[::ffff:7f00:1]/',
  'https://169.254.169.254/latest/meta-data/',
])('%s is refused however it is written', async (url) => {
  const guarded = guardedFetch({ addresses: async () => nobodyAsked(), privateHosts: [] })
  await expect(guarded(new URL(url), {})).rejects.toMatchObject({ code: 'oci/private-address' })
})

test('one private address among the addresses of a name is one too many', async () => {
  const addresses = async () => ['93.184.216.34', '10.0.0.1']
  const guarded = guardedFetch({ addresses, privateHosts: [] })
  await expect(guarded(new URL('https://registry.example/v2/'), {})).rejects.toMatchObject({
    code: 'oci/private-address',
    message: expect.not.stringContaining('10.0.0.1'),
  })
})

test('a name is resolved once, and the answer is what is connected to', async () => {
  const asked: string[] = []
  await using server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => new Response(request.headers.get('host')),
  })
  const addresses = async (host: string) => {
    asked.push(host)
    return asked.length === 1 ? ['93.184.216.34'] : ['127.0.0.1']
  }
  // What is public is decided by its number: a first answer that is fine must not open the way to
  // a second one. Nothing answers at the first address within the time that is given.
  const guarded = guardedFetch({ addresses, privateHosts: [] })
  const url = new URL(`http://rebinding.example:${server.port}/`)
  await expect(guarded(url, { signal: AbortSignal.timeout(50) })).rejects.toThrow()
  expect(asked).toEqual(['rebinding.example'])
  await expect(guarded(url, {})).rejects.toMatchObject({ code: 'oci/private-address' })
  expect(server.pendingRequests).toBe(0)
})
