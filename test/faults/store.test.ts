/** Damage in the store: found, told with the digest, mended, and nothing lost. */
import { afterAll, expect } from 'bun:test'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '#kernel/index.ts'
import type { Project } from '../cli/harness.ts'
import { outside } from '../outside.ts'
import {
  blobPath,
  builtPlace,
  configOf,
  lockedBuild,
  refuses,
  removeTemplate,
  succeeds,
} from './place.ts'

afterAll(removeTemplate)

const compiled = outside(['namespaces', 'g++', 'cmake', 'make'])

/** Changes one bit in the middle of a file. */
function flip(path: string): void {
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  chmodSync(path, 0o644)
  writeFileSync(path, bytes)
}

function cutShort(path: string): void {
  chmodSync(path, 0o644)
  truncateSync(path, 100)
}

function viewKeys(place: Project): string[] {
  return readdirSync(join(place.home, 'views')).filter((name) => !name.endsWith('.note'))
}

/** Forgets what was unpacked and linked, so that layers are read again. */
function forgetTrees(place: Project): void {
  for (const name of ['trees', 'views', 'runs'])
    rmSync(join(place.home, name), { recursive: true, force: true })
}

const blobs = [
  ['layer', (place: Project) => lockedBuild(place, 'app').layer],
  ['config', (place: Project) => configOf(place, 'libtwo')],
  ['manifest', (place: Project) => lockedBuild(place, 'libone').build],
] as const
const harms = [
  ['with a flipped bit', flip],
  ['cut short', cutShort],
] as const

for (const [kind, digestIn] of blobs)
  for (const [how, harm] of harms)
    compiled(`a ${kind} ${how}: refused by its digest, repaired, built again`, async () => {
      using place = await builtPlace()
      await succeeds(place, 'lock', '--update')
      const digest = digestIn(place)
      harm(blobPath(place.home, digest))
      forgetTrees(place)

      const want = {
        code: 'store/digest-mismatch',
        says: digest,
        hint: 'backlot store verify --repair',
      }
      await refuses(place, ['run', 'app'], want)
      expect(await place.backlot('store', 'verify')).toMatchObject({
        exitCode: 1,
        stdout: expect.stringContaining(digest.slice(7, 19)),
      })
      await succeeds(place, 'store', 'verify', '--repair')
      expect(await place.backlot('store', 'verify')).toMatchObject({ exitCode: 0 })
      await succeeds(place, 'build')
      expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
    })

for (const [kind, digestIn] of blobs)
  compiled(`a ${kind} that somebody removed is made again`, async () => {
    using place = await builtPlace()
    // The store remembers which builds it has; in a copy only what was asked for since.
    await succeeds(place, 'lock', '--update')
    rmSync(blobPath(place.home, digestIn(place)))
    forgetTrees(place)

    await refuses(place, ['run', 'app'], { code: 'cli/not-built', hint: 'backlot build' })
    await succeeds(place, 'build')
    expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
  })

compiled('a file of the store is damaged: verify names it, repair brings it back', async () => {
  using place = await builtPlace()
  const payload = viewKeys(place)
    .map((key) => join(place.home, 'views', key, 'usr/local/share/app/payload.bin'))
    .find((path) => existsSync(path))
  flip(payload ?? '')

  const verified = await place.backlot('store', 'verify')
  expect(verified.exitCode).toBe(1)
  expect(verified.stdout).toContain('wrong file')
  expect(verified.stdout).toContain('--repair')
  await succeeds(place, 'store', 'verify', '--repair')
  const again = await succeeds(place, 'run', 'sha256sum', '/usr/local/share/app/payload.bin')
  const whole = readFileSync(join(place.folder, 'recipes/app/src/payload.bin'))
  expect(again.stdout).toStartWith(digestOf(whole).slice(7))
})

compiled('a view that lost a file: verify names it, repair has it linked anew', async () => {
  using place = await builtPlace()
  for (const key of viewKeys(place))
    rmSync(join(place.home, 'views', key, 'usr/local/lib/libone.so.1'), { force: true })
  const verified = await place.backlot('store', 'verify')
  expect(verified.exitCode).toBe(1)
  expect(verified.stdout).toContain('lost files')
  await succeeds(place, 'store', 'verify', '--repair')
  expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
  await succeeds(place, 'store', 'verify')
})

compiled('files of the store that are gone come back from their layers', async () => {
  using place = await builtPlace()
  for (const name of ['files', 'views', 'runs'])
    rmSync(join(place.home, name), { recursive: true, force: true })
  expect(await place.backlot('run', 'app')).toMatchObject({ exitCode: 0, stdout: 'app says 2\n' })
})

compiled('an index that is no index is named, and repair lists the builds anew', async () => {
  using place = await builtPlace()
  writeFileSync(join(place.home, 'index.json'), '{"schemaVersion": 2, "mani')
  const want = { code: 'oci/bad-layout', says: 'index.json', hint: 'backlot store verify --repair' }
  await refuses(place, ['lock', '--update'], want)
  expect((await place.backlot('store', 'verify')).exitCode).toBe(1)
  await succeeds(place, 'store', 'verify', '--repair')
  await succeeds(place, 'store', 'verify')
  expect((await succeeds(place, 'build')).stdout).toContain('Nothing to build')
  await succeeds(place, 'gc', '--keep-days', '0')
  expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
})

compiled('a collection keeps what a lockfile names, though the index lost it', async () => {
  using place = await builtPlace()
  rmSync(join(place.home, 'index.json'))
  await succeeds(place, 'gc', '--keep-days', '0')
  rmSync(join(place.home, 'runs'), { recursive: true })
  expect(await succeeds(place, 'run', '--frozen', 'app')).toMatchObject({ stdout: 'app says 2\n' })
})

compiled('memories that are damaged cost nothing but time', async () => {
  using place = await builtPlace()
  const damage = (folder: string): void => {
    for (const name of readdirSync(join(place.home, folder)))
      writeFileSync(join(place.home, folder, name), '\u0000{nonsense')
  }
  writeFileSync(join(place.home, 'builds.shelf'), '[1, 2')
  damage('runs')
  damage('trees')
  for (const name of readdirSync(join(place.home, 'views')).filter((one) => one.endsWith('.note')))
    writeFileSync(join(place.home, 'views', name), 'x')
  expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
  await succeeds(place, 'lock', '--update')
  await succeeds(place, 'build')
  await succeeds(place, 'gc', '--keep-days', '0')
  expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
})
