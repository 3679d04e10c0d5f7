/** Disks that are full or read-only under the store and under the registry. */
import { afterAll, expect, test } from 'bun:test'
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { openProject, type Project } from '../cli/harness.ts'
import { outside } from '../outside.ts'
import {
  builtPlace,
  chainPlace,
  elsewhere,
  refuses,
  removeTemplate,
  succeeds,
  temporaryFiles,
} from './place.ts'
import { serveRegistry } from './registry.ts'

afterAll(removeTemplate)

const mounting = outside(['root', 'mount', 'umount', 'namespaces', 'g++', 'cmake', 'make'])

interface Disk extends Disposable {
  readonly path: string
  /** `size=64m`, `ro` */
  remount(option: string): void
}

/** A file system of its own; root only. */
function smallDisk(size: string): Disk {
  const folder = temporaryFolder()
  const path = join(folder.path, 'disk')
  mkdirSync(path)
  const run = (...argv: readonly string[]): void => {
    expect({ argv, exitCode: Bun.spawnSync([...argv]).exitCode }).toEqual({ argv, exitCode: 0 })
  }
  run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path)
  return {
    path,
    remount: (option) => run('mount', '-o', `remount,${option}`, path),
    [Symbol.dispose]: () => {
      Bun.spawnSync(['umount', '-l', path])
      folder[Symbol.dispose]()
    },
  }
}

/** The same project with its store on a disk. */
function onDisk(place: Project, disk: Disk): Project {
  const other = openProject({}, { BACKLOT_HOME: join(disk.path, 'home') })
  cpSync(place.folder, other.folder, { recursive: true })
  return { ...other, home: join(disk.path, 'home') }
}

mounting('a full disk under a build: told, nothing half, and with space it goes on', async () => {
  using place = chainPlace()
  using disk = smallDisk('4m')
  using small = onDisk(place, disk)
  const want = { code: 'kernel/no-space', says: disk.path, hint: /[Ff]ree space/ }
  await refuses(small, ['build'], want)
  expect(temporaryFiles(small.home)).toEqual([])
  await refuses(small, ['build'], want)

  disk.remount('size=64m')
  await succeeds(small, 'store', 'verify')
  await succeeds(small, 'build')
  expect(await succeeds(small, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
})

mounting('a step fills the disk: told as such, with the way to free it', async () => {
  using place = chainPlace()
  using disk = smallDisk('3m')
  using small = onDisk(place, disk)
  const text = 'dd if=/dev/zero of=big bs=1M count=8'
  writeFileSync(join(small.folder, 'recipes/libone/src/fill.sh'), text)
  writeFileSync(
    join(small.folder, 'recipes/libone/backlot.yaml'),
    'package: { name: libone, license: MIT, versions: [{ version: 1.0.0, source: { path: src } }], build: { steps: [{ script: sh fill.sh }] } }\n',
  )
  await refuses(small, ['build'], {
    code: 'kernel/no-space',
    says: 'libone',
    hint: /[Ff]ree space/,
  })
})

mounting('a full disk under run and fetch', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  await succeeds(place, 'publish', '--to', `${registry.host}/vfx`)
  using disk = smallDisk('1500k')
  using small = onDisk(place, disk)
  writeFileSync(
    join(small.folder, 'backlot.yaml'),
    `environment:\n  packages: [app]\nregistry: ${registry.host}/vfx\n`,
  )
  await refuses(small, ['run', 'app'], { code: 'kernel/no-space', says: disk.path })
  expect(temporaryFiles(small.home)).toEqual([])
  disk.remount('size=64m')
  expect(await succeeds(small, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
})

mounting(
  'a full disk under the registry: publish is told, and goes on when there is space',
  async () => {
    using place = await builtPlace()
    using disk = smallDisk('900k')
    const data = join(disk.path, 'registry')
    await using registry = await serveRegistry(place, { data })
    const to = `${registry.host}/vfx`
    await refuses(place, ['publish', '--to', to], {
      code: 'oci/registry-failed',
      says: /507/,
      hint: /free space/,
    })
    disk.remount('size=64m')
    await succeeds(place, 'publish', '--to', to)
    using other = elsewhere(place)
    const text = `environment:\n  packages: [app]\nregistry: ${to}\n`
    writeFileSync(join(other.folder, 'backlot.yaml'), text)
    expect((await succeeds(other, 'build')).stdout).toContain('3 fetched')
  },
)

mounting('a read-only store: what reads works, what writes is refused with a hint', async () => {
  using place = await builtPlace()
  using disk = smallDisk('64m')
  using fixed = onDisk(place, disk)
  expect(Bun.spawnSync(['cp', '-a', place.home, fixed.home]).exitCode).toBe(0)
  await succeeds(fixed, 'run', 'app')
  disk.remount('ro')
  for (const again of [1, 2]) {
    expect({ again, ...(await fixed.backlot('run', 'app')) }).toMatchObject({
      again,
      exitCode: 0,
      stdout: 'app says 2\n',
    })
  }
  for (const line of ['list', 'tree', 'why libone', 'info app', 'lock --locked', 'store verify'])
    await succeeds(fixed, ...line.split(' '))
  await succeeds(fixed, 'view', 'linked')
  expect(existsSync(join(fixed.folder, 'linked/bin/app'))).toBe(true)
  await succeeds(fixed, 'image', 'build', 'oci:image:1')
  const want = { code: 'kernel/read-only', says: fixed.home, hint: 'BACKLOT_HOME' }
  await refuses(fixed, ['gc', '--keep-days', '0'], want)
  writeFileSync(join(fixed.folder, 'recipes/libone/src/one.h'), '#pragma once\nint one();\n\n')
  await refuses(fixed, ['build'], want)
  disk.remount('rw')
  await succeeds(fixed, 'build')
  expect(readdirSync(fixed.folder).filter((name) => name.startsWith('.tmp'))).toEqual([])
})

test('a store where no file can be made is refused with a hint', async () => {
  using place = chainPlace()
  using fixed = openProject({}, { BACKLOT_HOME: '/proc' })
  cpSync(place.folder, fixed.folder, { recursive: true })
  const want = { code: 'kernel/read-only', says: '/proc', hint: 'BACKLOT_HOME' }
  await refuses(fixed, ['build'], want)
})
