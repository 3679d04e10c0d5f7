/** Names and symbols that bind a build to a Python, and those that do not. */
import { expect, test } from 'bun:test'
import type { ElfFile } from './elf.ts'
import { boundPythons, pythonConstraint } from './python-binding.ts'

const site = 'usr/local/lib/python3.11/site-packages'
const bare: ElfFile = {
  machine: 62,
  bits: 64,
  type: 'shared',
  soname: undefined,
  needed: [],
  runpath: undefined,
  wants: [],
  exported: [],
}

function pythons(path: string, elf?: Partial<ElfFile>): readonly string[] {
  const file = { path, absolute: `/stage/${path}`, link: undefined }
  return boundPythons([file], elf === undefined ? [] : [{ file, elf: { ...bare, ...elf } }])
}

test.each<readonly [string, Partial<ElfFile> | undefined, readonly string[]]>([
  [`${site}/arrow/_arrow.cpython-311-x86_64-linux-gnu.so`, {}, ['3.11']],
  [`${site}/arrow/_arrow.cpython-39-darwin.so`, undefined, ['3.9']],
  [`${site}/arrow/_arrow.cpython-313t-aarch64-linux-gnu.so`, {}, ['3.13']],
  ['usr/local/Lib/site-packages/_arrow.cp312-win_amd64.pyd', undefined, ['3.12']],
  ['usr/local/plugin/arrow.cpython-310.so', {}, ['3.10']],
  [`${site}/imath.so`, { exported: ['PyInit_imath'] }, ['3.11']],
  [`${site}/imath.so`, { exported: ['PyInit_imath@@V1'] }, ['3.11']],
  ['usr/local/lib/libboost_python311.so.1.82', { needed: ['libpython3.11.so.1.0'] }, ['3.11']],
  ['usr/local/bin/usdview', { type: 'executable', needed: ['libpython3.10.so'] }, ['3.10']],
  ['usr/local/lib/python2.7/site-packages/imath.so', { exported: ['initimath'] }, ['2.7']],
  ['usr/local/lib/libPyImath.so', { needed: ['libpython3.7m.so.1.0'] }, ['3.7']],
  // The stable API, Python code, and libraries that only lie there.
  [`${site}/arrow/_arrow.abi3.so`, { exported: ['PyInit__arrow'] }, []],
  [`${site}/arrow/_arrow.abi3.so`, { needed: ['libpython3.so'] }, []],
  [`${site}/arrow/__init__.py`, undefined, []],
  [`${site}/arrow.libs/libhalf.so`, { exported: ['half'] }, []],
  [`${site}/arrow.libs/libhalf-2f6.so.1.2`, { exported: ['PyInit_half'] }, []],
  ['usr/local/lib/libImath.so.29', { needed: ['libc.so.6'] }, []],
])('%s', (path, elf, wanted) => {
  expect(pythons(path, elf)).toEqual(wanted)
})

test('modules for several Pythons allow each of them', () => {
  const files = ['39', '311', '310', '310'].map((tag) => {
    const path = `usr/local/lib/one.cpython-${tag}-x86_64-linux-gnu.so`
    return { path, absolute: path, link: undefined }
  })
  const found = boundPythons(files, [])
  expect(found).toEqual(['3.9', '3.10', '3.11'])
  expect(pythonConstraint(found)).toEqual(['~cpython 3.9 | 3.10 | 3.11'])
  expect(pythonConstraint([])).toEqual([])
})
