import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { temporaryFolder } from './files.ts'
import { findProjectFolder, homeFolder, launchRecordPath } from './launch-key.ts'

const base = { home: '/home', env: {}, programVersion: '1.0.0' }

test('the name of a record covers all that chooses the environment', () => {
  using folder = temporaryFolder()
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text)
  const at = { ...base, folder: folder.path }
  expect(launchRecordPath(at)).toBeUndefined()
  write('backlot.yaml', 'a')
  expect(launchRecordPath(at)).toBeUndefined()
  write('backlot.lock', 'b')

  const first = launchRecordPath(at)
  const others = [
    { ...at, environment: 'py' },
    { ...at, frozen: true },
    { ...at, launch: 'path' },
    { ...at, env: { BACKLOT_OVERRIDE_GLIBC: '2.17' } },
    { ...at, programVersion: '1.0.1' },
  ].map(launchRecordPath)
  write('backlot.lock', 'c')
  others.push(launchRecordPath(at))
  write('backlot.yaml', 'd')
  others.push(launchRecordPath(at))

  expect(first).toMatch(/^\/home\/runs\/[0-9a-f]{64}\.json$/)
  expect(new Set([first, ...others]).size).toBe(others.length + 1)
})

test('neither the home nor other variables change the name', () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'backlot.yaml'), 'a')
  writeFileSync(join(folder.path, 'backlot.lock'), 'b')
  const at = { ...base, folder: folder.path }
  const env = { BACKLOT_HOME: '/x', PATH: '/bin' }
  expect(launchRecordPath({ ...at, environment: 'default', frozen: false, env })).toBe(
    launchRecordPath(at),
  )
})

test('the nearest backlot.yaml above counts', () => {
  using folder = temporaryFolder()
  const inner = join(folder.path, 'a/b')
  mkdirSync(join(inner, 'c'), { recursive: true })
  writeFileSync(join(folder.path, 'backlot.yaml'), '')
  expect(findProjectFolder(join(inner, 'c'))).toBe(folder.path)
  writeFileSync(join(inner, 'backlot.yaml'), '')
  expect(findProjectFolder(join(inner, 'c'))).toBe(inner)
})

test.each([
  [{ BACKLOT_HOME: '/b', XDG_DATA_HOME: '/x', HOME: '/h' }, 'linux', '/b'],
  [{ BACKLOT_HOME: '', XDG_DATA_HOME: '/x', HOME: '/h' }, 'linux', '/x/backlot'],
  [{ HOME: '/h' }, 'linux', '/h/.local/share/backlot'],
  [{ XDG_DATA_HOME: 'x', HOME: '/h' }, 'linux', '/h/.local/share/backlot'],
  [{ HOME: '' }, 'linux', `${userInfo().homedir}/.local/share/backlot`],
  [{}, 'linux', `${userInfo().homedir}/.local/share/backlot`],
  [{ HOME: '/h' }, 'darwin', '/h/.local/share/backlot'],
  [{ LOCALAPPDATA: '/l', HOME: '/h' }, 'win32', '/l/backlot'],
] as const)('%j on %s: the store is %s', (env, platform, wanted) => {
  expect(homeFolder(env, platform)).toBe(wanted)
})
