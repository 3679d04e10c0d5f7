/** Filters, orderers and other settings of a studio: the answers are those of Rez. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { programArgv } from '../cli/harness.ts'
import { outside } from '../outside.ts'
import { rezAppIn } from './rez-app.ts'

const folder = temporaryFolder()
const repository = join(folder.path, 'packages')
afterAll(() => folder[Symbol.dispose]())

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder.path, path)), { recursive: true })
  writeFileSync(join(folder.path, path), text)
}

// Times in the order of releases, of which 1.2.2 is a late patch; 0.9 has none.
const releases: Readonly<Record<string, number>> = {
  '0.9': 0,
  '1.0': 100,
  '1.1': 200,
  '1.2.0': 300,
  '1.2.1': 400,
  '2.0.0': 500,
  '2.0.1': 600,
  '2.0.2.beta': 650,
  '1.2.2': 700,
  '2.1.0': 800,
  '3.0': 900,
  '3.1': 1000,
}
for (const name of ['foo', 'baz'])
  for (const [version, timestamp] of Object.entries(releases)) {
    const time = timestamp === 0 ? '' : `timestamp = ${timestamp}\n`
    write(`packages/${name}/${version}/package.py`, `version = '${version}'\n${time}`)
  }
write('packages/tool/1/package.py', "variants = [['foo-1'], ['foo-2'], ['foo-3', 'baz-1']]\n")
write('packages/tool/2/package.py', "variants = [['foo-1.2'], ['foo-1.1'], ['foo-2.1|1.0']]\n")
write('packages/needs/1/package.py', "requires = ['foo-1.2+', '~baz-2']\n")
write('packages/any/package.py', '')
write('packages/lost/1/package.py', "variants = [['nowhere-9'], ['foo-1.0']]\n")

const env = {
  PATH: process.env['PATH'] ?? '',
  HOME: folder.path,
  LANG: 'C.UTF-8',
  BACKLOT_HOME: join(folder.path, 'home'),
  REZ_PACKAGES_PATH: repository,
  SHELL: '/bin/bash',
}
const app = rezAppIn(folder.path, env)
const shown = ['--', 'sh', '-c', 'printenv REZ_USED_RESOLVE REZ_TOOL_ROOT LISTED || true']

function ran(argv: readonly string[], own: Readonly<Record<string, string>> = env) {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...argv], { env: own, cwd: folder.path })
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode }
}

const requests = ['foo', 'foo-1.2', 'tool', 'tool-1', 'needs baz', 'baz foo', 'any foo<3']
const oldest = '{type: sorted, descending: false}'
const settings: Readonly<Record<string, string>> = {
  nothing: '{}',
  'a glob': "package_filter: {excludes: ['foo-*.beta', 'baz-2*']}",
  'a glob of all': "package_filter: {excludes: ['*-3*', 'glob(tool-[!1])']}",
  'a glob with a version as family': "package_filter: {excludes: ['foo-3-*', 'foo-?.0*']}",
  'an expression': "package_filter: [{excludes: ['regex(foo-[23].*)', 'regex(.*-1$)']}]",
  'ranges and an include':
    "package_filter: {excludes: ['foo-2+', 'baz'], includes: ['baz-1.1+<2']}",
  'a rule for all with an include':
    "package_filter: {excludes: ['*'], includes: ['foo-1', 'tool']}",
  'a conflict as rule': "package_filter: {excludes: ['range(!foo-2)']}",
  times: "package_filter: {excludes: ['after(500)']}",
  'times of a family': "package_filter: {excludes: ['after(foo:400)', 'before(baz:750)']}",
  'two filters':
    "package_filter: [{excludes: ['foo-3']}, {excludes: ['foo-2'], includes: ['foo']}]",
  everything: "package_filter: {excludes: ['foo']}",
  'oldest first': `package_orderers: [${oldest}]`,
  'oldest first of one': `package_orderers: [{type: sorted, descending: false, packages: [foo]}]`,
  split: "package_orderers: {type: version_split, first_version: '2.0.1'}",
  'split of two': `package_orderers: [{type: version_split, first_version: '1.2', packages: foo},
  {type: version_split, first_version: '2', packages: [baz, tool]}, ${oldest}]`,
  'per family': `package_orderers: [{type: per_family, default_order: ${oldest}, orderers: [
  {type: version_split, first_version: '1.1', packages: [foo]}, {type: sorted, descending: false,
  packages: [baz, foo]}]}]`,
  time: 'package_orderers: [{type: soft_timestamp, timestamp: 550}]',
  'time before all': 'package_orderers: [{type: soft_timestamp, timestamp: 50}]',
  'time after all': 'package_orderers: [{type: soft_timestamp, timestamp: 5000, rank: 2}]',
  'time of rank 3': 'package_orderers: [{type: soft_timestamp, timestamp: 550, rank: 3}]',
  'time of rank 2': 'package_orderers: [{type: soft_timestamp, timestamp: 550, rank: 2}]',
  'time of rank 1': 'package_orderers: [{type: soft_timestamp, timestamp: 350, rank: 1}]',
  'most shared': 'variant_select_mode: intersection_priority',
  'other implicits': "implicit_packages: ['~foo-1', '~platform=={system.platform}']",
  'a map of platforms': `implicit_packages: ['~os=={system.os}']
platform_map: {os: {'.*-(.*)': 'Own-\\1'}, arch: {x86_64: 64bit}}`,
}

/** Resolves all requests under all settings in one process of the Python that Rez is installed for. */
const oracle = `
import json, sys
from rez.config import config, _load_config_yaml
from rez.exceptions import RezError
from rez.package_filter import PackageFilterList
from rez.package_order import PackageOrderList
from rez.resolved_context import ResolvedContext
from rez.utils.platform_ import platform_
from rez.system import system
files, requests = json.load(sys.stdin)
for file in files:
    own = _load_config_yaml(file)
    filters, orderers = (
        [one] if isinstance(one, dict) else one
        for one in (own.pop('package_filter', []), own.pop('package_orderers', [])))
    config.override('implicit_packages', [])
    for key, value in own.items():
        config.override(key, value)
    for attribute in ('os', 'arch'):
        for known in (platform_, system):
            known.__dict__.pop(attribute, None)
    implicits = [one.replace('{system.platform}', system.platform).replace('{system.os}', system.os)
                 for one in config.implicit_packages]
    config.override('implicit_packages', implicits)
    for request in requests:
        try:
            context = ResolvedContext(
                request.split(), package_filter=PackageFilterList.from_pod(filters),
                package_orderers=PackageOrderList.from_pod(orderers))
            answer = [[one.qualified_package_name, one.index]
                      for one in context.resolved_packages or []]
        except RuntimeError as error:
            answer = str(error)
        except RezError:
            answer = []
        print(json.dumps([[str(one) for one in context.implicit_packages], answer]))
    for key in [*own, 'implicit_packages']:
        config.remove_override(key)
`

describe('answers are those of Rez', () => {
  const rez = outside(['rez-env', 'bash'])
  const files = Object.values(settings).map((yaml, at) => {
    write(`settings/${at}.yaml`, `${yaml}\n`)
    return join(folder.path, `settings/${at}.yaml`)
  })

  let theirs: string[] = []
  beforeAll(() => {
    const program = Bun.which('rez-env')
    if (program === null) return
    const [first = ''] = readFileSync(program, 'utf8').split('\n')
    const stdin = Buffer.from(JSON.stringify([files, requests]))
    const child = Bun.spawnSync([first.slice(2), '-c', oracle], { env, stdin })
    theirs = child.stdout.toString().trim().split('\n')
    expect([child.stderr.toString(), theirs.length]).toEqual(['', files.length * requests.length])
  })

  rez.each(Object.keys(settings).map((name, at) => [name, at] as const))(
    '%s',
    async (_name, at) => {
      for (const [place, request] of requests.entries()) {
        const line = theirs[at * requests.length + place] ?? ''
        const [implicit, answer]: [string[], [string, number | null][] | string] = JSON.parse(line)
        // With a rank, Rez breaks on a range that has no upper bound.
        if (answer === 'Version.inf cannot be trimmed') continue
        const config = [files[at] ?? '']
        const options = { repositories: [repository], config, request: request.split(' ') }
        const ours = await app.solveRez(options)
        const packages = ours.kind === 'failed' ? [] : ours.packages
        const told = packages.map(({ name, version, variant }) => [
          version === '' ? name : `${name}-${version}`,
          variant,
        ])
        expect([request, told]).toEqual([request, answer])
        expect(ours.request.slice(options.request.length)).toEqual(implicit)
      }
    },
  )

  rez('rules of the command line', () => {
    const rules = ['--exclude', 'foo-3', '--include', 'foo-3.0']
    const known = ran(['rez-env', 'foo', ...rules, ...shown])
    const ours = ran([...programArgv(), 'run', '-r', 'foo', ...rules, ...shown])
    expect(ours.stdout).toBe(known.stdout)
  })
})

describe('settings', () => {
  const solve = (...args: readonly string[]) => ran([...programArgv(), 'solve', ...args])

  test('a family that is nowhere can make other variants be tried', () => {
    write('lenient.yaml', 'error_on_missing_variant_requires: false\n')
    expect(solve('lost').exitCode).toBe(1)
    expect(solve('--config', 'lenient.yaml', 'lost').stdout).toContain('lost-1')
  })

  test('files of literals need no Python, and a later file adds to an earlier one', () => {
    write('first.py', "# settings\npackage_filter = [{'excludes': ['foo-3']}]\nplugins = {}\n")
    write('second.yml', 'variant_select_mode: intersection_priority\n')
    const files = ['--config', 'first.py', '--config', 'second.yml']
    const told = ran([...programArgv(), 'solve', ...files, 'foo'], { ...env, PATH: '/nowhere' })
    expect(told.stdout).toContain('foo-2.1.0')
  })

  outside(['bwrap', 'python3', 'namespaces'])('a file of code is run in the sandbox', () => {
    write(
      'code.py',
      `import os
package_filter = {'excludes': ['foo-' + os.environ['HIDDEN']]}
parent_variables = ModifyList(append=['LISTED'])
env_var_separators = {'LISTED': ';'}
try:
    open('/etc/shadow')
except OSError:
    optionvars = {'studio': {'name': 'ours'}}
`,
    )
    write(
      'packages/asks/1/package.py',
      'def commands():\n    env.LISTED.append(optionvars("studio.name"))\n',
    )
    const own = { ...env, HIDDEN: '3', LISTED: 'before' }
    const argv = ['run', '--config', 'code.py', '-r', 'asks,foo', ...shown]
    expect(ran([...programArgv(), ...argv], own).stdout).toBe('asks-1 foo-2.1.0\nbefore;ours\n')
  })

  test.each([
    ['package_filter: {excludes: ["foo(bar)"]}', "'foo' is none of glob, regex, range, before"],
    ['package_filter: {excludes: ["regex([)"]}', "'regex([)' is not a package filter rule"],
    ['package_filter: {excludes: ["before(foo:x)"]}', 'no time in seconds'],
    ['package_orderers: [{type: random}]', 'package_orderers'],
    ['implicit_packages: 3', 'implicit_packages'],
    [
      "{implicit_packages: ['~os=={system.os}'], platform_map: {os: {'(': x}}}",
      "'(' of platform_map is not a regular expression",
    ],
    ['[', 'bad.yaml cannot be used as settings of Rez'],
  ])('%s is refused', (yaml, why) => {
    write('bad.yaml', yaml)
    const told = solve('--config', 'bad.yaml', 'foo')
    expect(told.stderr).toContain('error[interop/bad-config]')
    expect(told.stderr).toContain(why)
    expect(told.exitCode).toBe(2)
  })

  test('no repository at all', () => {
    const told = ran([...programArgv(), 'solve', 'foo'], { ...env, REZ_PACKAGES_PATH: '/nowhere' })
    expect(told.stderr).toContain('No Rez repository was given, and none is there')
  })
})
