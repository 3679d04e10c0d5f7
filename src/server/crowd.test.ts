import { expect, test } from 'bun:test'
import { crowdWithin } from './crowd.ts'

const limits = { requests: 3, writesPerAccount: 2, writesPerAddress: 3 }

test('what is over a limit is refused, and what ends makes room, also when it fails', async () => {
  const crowd = crowdWithin(limits)
  const gate = Promise.withResolvers<void>()
  const write = (account: string, address: string) =>
    crowd.write({ account, address }, async () => {
      await gate.promise
      return account
    })
  const under = [write('ada', '1'), write('ada', '2'), write('eve', '1'), write('bob', '1')]
  await expect(write('ada', '3')).rejects.toMatchObject({ code: 'oci/too-many-requests' })
  await expect(write('zoe', '1')).rejects.toMatchObject({ code: 'oci/too-many-requests' })
  gate.resolve()
  expect(await Promise.all(under)).toEqual(['ada', 'ada', 'eve', 'bob'])
  const fails = () =>
    crowd.write({ account: 'ada', address: '1' }, () => Promise.reject(new Error()))
  for (let at = 0; at < 5; at += 1) await expect(fails()).rejects.toThrow()
  expect(await write('ada', '1')).toBe('ada')
})

test('requests over the limit are refused', () => {
  const crowd = crowdWithin(limits)
  expect(() => crowd.checkRequests(3)).not.toThrow()
  expect(() => crowd.checkRequests(4)).toThrow('3 requests are under way already')
})

test('addresses of one IPv6 network are one', async () => {
  const crowd = crowdWithin(limits)
  const gate = Promise.withResolvers<void>()
  const write = (account: string, address: string) =>
    crowd.write({ account, address }, () => gate.promise)
  const under = ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:1::3'].map((address, at) =>
    write(`${at}`, address),
  )
  await expect(write('x', '2001:db8::4')).rejects.toMatchObject({ code: 'oci/too-many-requests' })
  under.push(write('y', '2001:db8:0:1::4'))
  gate.resolve()
  await Promise.all(under)
})
