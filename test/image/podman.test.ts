/**
 * Images that podman and skopeo take, and that run.
 */
import { describe, expect } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  imageToLayout,
  imageToRegistry,
  loadBase,
  scratch,
  writeDockerArchive,
} from '#image/index.ts'
import { openLayout, registryClient } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import { outside } from '../outside.ts'
import { ourRegistry, tool } from '../protocol/servers.ts'
import { bake, buildOf, busyboxBase, fakeBuild, fixture, hostBase, podman } from './fixture.ts'

const needed = ['podman', 'runc', 'busybox']
const hello = { 'usr/local/bin/hello': '#!/bin/sh\ncat /usr/local/share/hello.txt\n' }
const words = { 'usr/local/share/hello.txt': 'hello from a layer\n' }

const cppLibrary = `#include <string>
std::string greet() { return "hello from C++"; }
`
const cppProgram = `#include <iostream>
std::string greet();
int main() { std::cout << greet() << std::endl; }
`

describe('podman', () => {
  outside(needed)('loads a docker archive, and settings hold in the container', async () => {
    using fixed = fixture()
    const packages = [await busyboxBase(fixed), await fakeBuild(fixed, 'words', words)]
    const image = await bake(fixed, [...packages, await fakeBuild(fixed, 'hello', hello)], {
      settings: {
        environment: { SHOW: 'LUT', PATH: '/opt/bin:${PATH}' },
        entrypoint: ['/bin/sh', '-c'],
        command: ['hello; echo "$SHOW $PATH"; pwd; id -u'],
        user: '1234',
        workingDirectory: '/usr/local/share',
        labels: { 'org.example.show': 'pilot' },
      },
    })
    const path = join(fixed.folder, 'out/image.tar')
    await writeDockerArchive(image, { path, tags: ['demo/hello:1'], from: fixed.store.blobs })
    await using run = podman()
    expect(await run('load', '--quiet', '--input', path)).toContain('demo/hello:1')
    const said = await run('run', 'demo/hello:1')
    const pathInside = '/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    expect(said).toBe(`hello from a layer\nLUT ${pathInside}\n/usr/local/share\n1234\n`)
    const labels = await run('inspect', '--format={{json .Labels}}', 'demo/hello:1')
    expect(JSON.parse(labels)).toEqual({ 'org.example.show': 'pilot' })
  })

  outside([...needed, 'g++'])(
    'a C++ program and its library lie in layers of their own',
    async () => {
      using fixed = fixture()
      const { folder } = fixed
      const [lib, bin] = [join(folder, 'lib/usr/local/lib'), join(folder, 'bin/usr/local/bin')]
      for (const path of [lib, bin]) mkdirSync(path, { recursive: true })
      writeFileSync(join(folder, 'greet.cpp'), cppLibrary)
      writeFileSync(join(folder, 'main.cpp'), cppProgram)
      await tool(['g++', '-shared', '-fPIC', `${folder}/greet.cpp`, '-o', `${lib}/libgreet.so`])
      const linked = [`-L${lib}`, '-lgreet', '-Wl,-rpath,$ORIGIN/../lib']
      await tool(['g++', `${folder}/main.cpp`, '-o', `${bin}/greet`, ...linked])
      const image = await bake(fixed, [
        await hostBase(fixed),
        await buildOf(fixed, 'libgreet', join(folder, 'lib')),
        await buildOf(fixed, 'greet', join(folder, 'bin')),
      ])
      const path = join(folder, 'greet.tar')
      await writeDockerArchive(image, { path, tags: ['demo/greet:1'], from: fixed.store.blobs })
      await using run = podman()
      await run('load', '--quiet', '--input', path)
      expect(await run('run', 'demo/greet:1', 'greet')).toBe('hello from C++\n')
    },
  )

  outside([...needed, 'skopeo'])(
    'pulls from our registry what stands on a base there',
    async () => {
      using fixed = fixture()
      await using server = await ourRegistry()
      const client = registryClient({})
      const from = fixed.store.blobs
      const base = await bake(fixed, [await busyboxBase(fixed)])
      const baseReference = `${server.registry}/base/busybox:1`
      await imageToRegistry(base, { client, reference: baseReference, from })

      const loaded = await loadBase(
        { kind: 'registry', client, reference: baseReference },
        'linux-x86_64',
      )
      const packages = [
        await fakeBuild(fixed, 'words', words),
        await fakeBuild(fixed, 'hello', hello),
      ]
      const image = await bake(fixed, packages, { base: loaded })
      const reference = `${server.registry}/shows/hello:1`
      const sent = await imageToRegistry(image, { client, reference, from })
      expect(sent).toMatchObject({ mounted: 1, copied: 2 })

      await using run = podman()
      await run('pull', '--quiet', '--tls-verify=false', reference)
      expect(await run('run', reference, 'hello')).toBe('hello from a layer\n')
      const inspected: unknown = JSON.parse(
        await tool(['skopeo', 'inspect', '--tls-verify=false', `docker://${reference}`]),
      )
      expect(inspected).toMatchObject({ Digest: image.digest, Os: 'linux', Architecture: 'amd64' })
    },
  )

  outside([...needed, 'skopeo'])(
    '130 builds are 127 layers, and all of them are seen',
    async () => {
      using fixed = fixture()
      const builds = [await busyboxBase(fixed)]
      for (let index = 1; index < 130; index += 1) {
        const file = { [`usr/local/share/all/${index}`]: `${index}\n` }
        builds.push(await fakeBuild(fixed, `p${index}`, file))
      }
      const image = await bake(fixed, builds, { base: scratch })
      expect(image.layers).toHaveLength(127)
      expect(image.merged.flat().length - image.merged.length).toBe(3)
      expect((await bake(fixed, builds)).digest).toBe(image.digest)
      const dir = join(fixed.folder, 'layout')
      mkdirSync(dir)
      const layout = openLayout(dir, diskBlobs(dir))
      await imageToLayout(image, { layout, tag: 'many', from: fixed.store.blobs })
      await tool(['skopeo', 'copy', '--quiet', `oci:${dir}:many`, `dir:${fixed.folder}/dir`])
      await using server = await ourRegistry()
      const reference = `${server.registry}/many:1`
      await imageToRegistry(image, {
        client: registryClient({}),
        reference,
        from: fixed.store.blobs,
      })
      await using run = podman('overlay')
      await run('pull', '--quiet', '--tls-verify=false', reference)
      const said = await run('run', reference, '/bin/sh', '-c', 'ls /usr/local/share/all')
      expect(said.trim().split('\n')).toHaveLength(129)
    },
  )
})
