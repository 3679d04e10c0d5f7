import { expect, test } from 'bun:test'
import { outside } from '../../test/outside.ts'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
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

const fakeCompiler = (version: string) => `#!/bin/sh\necho asked >> "$0.log"\necho ${version}\n`

// Only what is in system folders or /opt counts as a program.
const asRoot = outside(process.getuid?.() === 0 ? [] : ['root'])
asRoot('programs are asked once, and again when they are other files', async () => {
  using folder = temporaryFolder('/opt')
  const compiler = join(folder.path, 'g++')
  const memory = join(folder.path, 'cache', 'toolchain.json')
  const options = { path: folder.path, prefer: 'gcc', memory } as const
  const asked = () => readFileSync(`${compiler}.log`, 'utf8').split('\n').length - 1
  writeFileSync(compiler, fakeCompiler('11.1.0'), { mode: 0o755 })

  const first = await detectToolchain(options)
  const second = await detectToolchain(options)
  expect([first.version, second.version, asked()]).toEqual(['11.1.0', '11.1.0', 1])

  rmSync(compiler)
  writeFileSync(compiler, fakeCompiler('12.10.0'), { mode: 0o755 })
  expect((await detectToolchain(options)).version).toBe('12.10.0')

  writeFileSync(memory, 'not JSON')
  expect([(await detectToolchain(options)).version, asked()]).toEqual(['12.10.0', 3])
})
