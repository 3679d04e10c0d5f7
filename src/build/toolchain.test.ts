import { expect, test } from 'bun:test'
import { outside } from '../../test/outside.ts'
import { detectToolchain, visiblePath } from './toolchain.ts'

test('builds see system folders and /opt, never homes or /usr/local', () => {
  expect(visiblePath('/home/a/bin:/usr/local/bin:/opt/rh/gcc-11/root/usr/bin:/usr/bin')).toBe(
    '/opt/rh/gcc-11/root/usr/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  )
  expect(visiblePath('')).toBe('/usr/bin:/bin:/usr/sbin:/sbin')
})

outside(['g++'])('the compiler is found with its full version', async () => {
  const found = await detectToolchain({ path: '/nowhere', prefer: 'gcc', cxxStandard: 17 })

  expect(found).toMatchObject({ compiler: 'gcc', cc: 'gcc', cxx: 'g++', cxxStandard: 17 })
  expect(found.version).toMatch(/^\d+\.\d+\.\d+$/)
})
