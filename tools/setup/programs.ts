/**
 * The programs of others that the demo and the tests run: how to find each, and its package.
 *
 * Not here: what recipes need from the system (their `system:` section), and what `backlot doctor`
 * says to a user.
 */
import { existsSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { installLine, readDistribution } from '#env/index.ts'

/** `demo`: the demo needs it, to build from source most of all. `test`: only tests do. */
export type Purpose = 'demo' | 'test'

interface Program {
  readonly name: string
  readonly purpose: Purpose
  /** Whether it is there. */
  readonly present: () => boolean
  readonly debian: readonly string[]
  readonly rocky: readonly string[]
  /** A Python program, as pip names it; it gets an environment of its own. */
  readonly pip?: string
  /** A Go module that `go install` builds, where no distribution has the program. */
  readonly go?: string
}

const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

function onPath(name: string, purpose: Purpose, debian = name, rocky = debian): Program {
  const present = () => Bun.which(name, { PATH: path }) !== null
  return { name, purpose, present, debian: [debian], rocky: [rocky] }
}

function file(name: string, at: string, debian: string, rocky: string): Program {
  const present = () => statSync(at, { throwIfNoEntry: false }) !== undefined
  return { name, purpose: 'demo', present, debian: [debian], rocky: [rocky] }
}

/** What the system's Python can do: builds see no other one, whatever comes first on the path. */
function python(part: string, code: string, debian: string, rocky: string): Program {
  const argv = ['/usr/bin/python3', '-c', code]
  const present = () =>
    existsSync('/usr/bin/python3') &&
    Bun.spawnSync(argv, { stdio: ['ignore', 'ignore', 'ignore'] }).success
  const names = { debian: [debian], rocky: [rocky] }
  return { name: `python3 ${part}`, purpose: 'demo', present, ...names }
}

/** Debian keeps the server's programs off the path. */
function postgres(): Program {
  const present = () =>
    Bun.which('initdb', { PATH: path }) !== null || existsSync('/usr/lib/postgresql')
  const names = { debian: ['postgresql'], rocky: ['postgresql-server'] }
  return { name: 'postgresql', purpose: 'test', present, ...names }
}

/** A program that comes from Python's package index. */
function pip(name: string, requirement: string): Program {
  return { ...onPath(name, 'test'), debian: ['python3-venv'], rocky: ['python3'], pip: requirement }
}

/** A program that `go install` builds; it does not put it on the path. */
function goProgram(name: string, module: string): Program {
  const present = () =>
    Bun.which(name, { PATH: path }) !== null || existsSync(join(homedir(), 'go/bin', name))
  return { name, purpose: 'test', present, debian: [], rocky: [], go: module }
}

const headerCode =
  'import os, sysconfig as s; os.stat(os.path.join(s.get_path("include"), "Python.h"))'

const programs: readonly Program[] = [
  onPath('g++', 'demo', 'g++', 'gcc-c++'),
  onPath('make', 'demo'),
  onPath('cmake', 'demo'),
  onPath('ninja', 'demo', 'ninja-build'),
  onPath('pkg-config', 'demo', 'pkg-config', 'pkgconf-pkg-config'),
  onPath('bwrap', 'demo', 'bubblewrap'),
  onPath('unshare', 'demo', 'util-linux'),
  onPath('git', 'demo'),
  onPath('patch', 'demo'),
  onPath('xz', 'demo', 'xz-utils', 'xz'),
  onPath('bzip2', 'demo'),
  onPath('python3', 'demo'),
  python('venv', 'import ensurepip, venv', 'python3-venv', 'python3'),
  python('pip', 'import pip', 'python3-pip', 'python3-pip'),
  python('headers', headerCode, 'python3-dev', 'python3-devel'),
  file('zlib headers', '/usr/include/zlib.h', 'zlib1g-dev', 'zlib-devel'),
  {
    ...python('jsonschema', 'import jsonschema', 'python3-jsonschema', 'python3-jsonschema'),
    purpose: 'test',
  },
  onPath('ccache', 'test'),
  onPath('zstd', 'test'),
  onPath('skopeo', 'demo'),
  onPath('podman', 'test'),
  onPath('buildah', 'test'),
  onPath('runc', 'test'),
  onPath('docker', 'test', 'docker.io', 'docker'),
  onPath('docker-registry', 'test', 'docker-registry', 'docker-distribution'),
  postgres(),
  goProgram('versitygw', 'github.com/versity/versitygw/cmd/versitygw@v1.8.0'),
  goProgram(
    'conformance',
    'github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111',
  ),
  onPath('setpriv', 'test', 'util-linux'),
  onPath('wrk', 'test'),
  onPath('hey', 'test'),
  onPath('curl', 'test'),
  onPath('openssl', 'test'),
  onPath('zsh', 'test'),
  onPath('fish', 'test'),
  onPath('tmux', 'test'),
  onPath('busybox', 'test', 'busybox-static', 'busybox'),
  onPath('gringo', 'test', 'gringo', 'clingo'),
  onPath('clasp', 'test', 'clasp', 'clingo'),
  onPath('newuidmap', 'test', 'uidmap', 'shadow-utils'),
  pip('rez-env', 'rez==3.4.0'),
]

export interface Missing {
  readonly names: readonly string[]
  /** Debian packages that bring what is missing. */
  readonly packages: readonly string[]
  /** Python programs that are missing. */
  readonly pips: readonly { readonly name: string; readonly requirement: string }[]
  /** Go modules that bring what no distribution has. */
  readonly modules: readonly string[]
  /** What to type, a line for each family of distributions, or for this one when it is known. */
  readonly lines: readonly string[]
}

/** What is not on this machine: of everything, or of what one purpose needs. */
export function missingPrograms(purpose?: Purpose): Missing {
  const missing = programs.filter(
    (program) => (purpose === undefined || program.purpose === purpose) && !program.present(),
  )
  const packages = {
    debian: [...new Set(missing.flatMap((program) => program.debian))],
    rocky: [...new Set(missing.flatMap((program) => program.rocky))],
  }
  const here = installLine(packages, readDistribution())
  const everywhere = [
    `Debian, Ubuntu: apt-get install -y --no-install-recommends ${packages.debian.join(' ')}`,
    `Fedora, Rocky:  dnf install -y ${packages.rocky.join(' ')}`,
  ]
  const pips = missing.flatMap(({ name, pip: requirement }) =>
    requirement === undefined ? [] : [{ name, requirement }],
  )
  const modules = missing.flatMap(({ go }) => go ?? [])
  const install = [
    ...pips.map(({ requirement }) => `pipx install ${requirement}`),
    ...modules.map((module) => `With Go 1.26 or newer: go install ${module}`),
  ]
  return {
    names: missing.map((program) => program.name),
    packages: packages.debian,
    pips,
    modules,
    lines: [
      ...(packages.debian.length === 0 ? [] : here === undefined ? everywhere : [here]),
      ...install,
    ],
  }
}
