import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import type { SystemProbe } from '#model/index.ts'
import { installLine, parseDistribution } from './distribution.ts'
import { detectSystem, upstreamOf } from './system.ts'

const debian = parseDistribution('PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n')
const rocky = parseDistribution('NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\n')

/** A folder whose programs say what they are told to say. */
function programs(said: Readonly<Record<string, string>>) {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(said))
    writeFileSync(join(folder.path, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  return {
    env: { PATH: folder.path },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

const detect: readonly SystemProbe[] = [
  { kind: 'rpm', name: 'zlib-devel' },
  { kind: 'pkg-config', name: 'zlib' },
  { kind: 'dpkg', name: 'zlib1g-dev' },
  { kind: 'program', argv: ['nvcc', '--version'], pattern: 'release ([0-9.]+)' },
]
const recipe = {
  name: 'zlib',
  system: { detect, install: { debian: ['zlib1g-dev'], rocky: ['zlib-devel'] } },
}

/** An rpm that writes the version for each of two architectures, as it is told to. */
const twice = String.raw`case "$3" in *'\n') echo 1.2.11 ;; *) printf 1.2.11 ;; esac; echo 1.2.11`

describe('detectSystem', () => {
  test.each<[string, Readonly<Record<string, string>>, string, string]>([
    ['pkg-config', { 'pkg-config': 'echo 1.2.13' }, '1.2.13', 'pkg-config zlib'],
    [
      'rpm wins by order',
      { rpm: 'echo 1.2.11', 'pkg-config': 'echo 9' },
      '1.2.11',
      'rpm zlib-devel',
    ],
    [
      'a probe that fails is passed over',
      { rpm: 'echo "package zlib-devel is not installed"; exit 1', 'pkg-config': 'echo 1.3' },
      '1.3',
      'pkg-config zlib',
    ],
    [
      'dpkg without epoch and revision',
      { 'dpkg-query': 'echo "installed 1:1.2.13.dfsg-1"' },
      '1.2.13',
      'dpkg zlib1g-dev',
    ],
    ['rpm for two architectures', { rpm: twice }, '1.2.11', 'rpm zlib-devel'],
    [
      'dpkg for two architectures, of which one was removed',
      { 'dpkg-query': 'echo "config-files 9.9"; echo "installed 1.2.13"' },
      '1.2.13',
      'dpkg zlib1g-dev',
    ],
    [
      'a program that writes to stderr',
      { nvcc: 'echo "Cuda compilation tools, release 12.4, V12.4.99" >&2' },
      '12.4',
      'nvcc --version',
    ],
  ])('%s', async (_name, said, version, probe) => {
    using folder = programs(said)
    const result = await detectSystem(recipe, folder)
    expect(result).toMatchObject({ kind: 'found', probe })
    expect(result.kind === 'found' && result.version.text).toBe(version)
  })

  test.each([
    ['removed, but its configuration is left', { 'dpkg-query': 'echo "config-files 1.2.13"' }],
    ['an answer that is no version', { 'pkg-config': 'echo unknown' }],
    ['no program at all', {}],
  ])('%s: missing, with the line that installs it', async (_name, said) => {
    using folder = programs(said)
    const result = await detectSystem(recipe, { ...folder, distribution: debian })
    expect(result).toMatchObject({ kind: 'missing' })
    const install = result.kind === 'missing' ? result.install : undefined
    expect(install?.replace('sudo ', '')).toBe(
      'apt-get install -y --no-install-recommends zlib1g-dev',
    )
  })
})

describe('installLine', () => {
  const packages = { debian: ['a', 'b'], rocky: ['c'], ubuntu: ['d'] }
  const ubuntu = parseDistribution("ID=ubuntu\nID_LIKE='debian'\n")
  test.each([
    [debian, true, 'apt-get install -y --no-install-recommends a b'],
    [rocky, false, 'sudo dnf install -y c'],
    [ubuntu, true, 'apt-get install -y --no-install-recommends d'],
    [parseDistribution('ID=alpine\n'), true, undefined],
    [parseDistribution(''), true, undefined],
  ])('on %p', (distribution, root, line) => {
    expect(installLine(packages, distribution, root)).toBe(line)
  })
})

test.each([
  ['1:1.2.13.dfsg-1', '1.2.13'],
  ['22.3.6-1+deb12u1', '22.3.6'],
  ['2.38.1-5', '2.38.1'],
  ['3.0.15', '3.0.15'],
  ['1.1.1w-0+deb11u1', '1.1.1w'],
  ['git20200101', undefined],
])('the upstream part of %p is %p', (version, upstream) => {
  expect(upstreamOf(version)).toBe(upstream)
})
