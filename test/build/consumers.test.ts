/** Packages with a fault that only somebody who uses them would notice. */
import { expect, setDefaultTimeout } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Exports } from '#model/index.ts'
import { openLayout } from '#oci/index.ts'
import { outside } from '../outside.ts'
import { bench, make, recipe, script } from './harness.ts'

const test = outside(['g++', 'cmake', 'ninja', 'pkg-config', 'ar', 'namespaces'])
setDefaultTimeout(120_000)

const prelude = `top=$DESTDIR/usr/local
mkdir -p $top/lib/cmake/Foo $top/lib/pkgconfig $top/lib/python3/nothing
config=$top/lib/cmake/Foo/FooConfig.cmake
pc() { printf 'libdir=/usr/local/lib\\nName: foo\\nDescription: foo\\nVersion: 1.0.0\\n'; cat; }
target() {
  printf 'add_library(%s %s IMPORTED)\\nset_target_properties(%s PROPERTIES IMPORTED_LOCATION ' $1 $2 $1
  printf '"\${CMAKE_CURRENT_LIST_DIR}/../../%s")\\n' $3
}
echo 'int foo(void) { return 1; }' > foo.c
$CC -shared -fPIC foo.c -Wl,-soname,libfoo.so -o $top/lib/libfoo.so
echo 'int lacking(void); int bar(void) { return lacking(); }' > bar.c
$CC -c -fPIC bar.c && ar crD $top/lib/libbar.a bar.o
`
const nothing: Exports = { cmake: [], pkgConfig: [], programs: [], python: [] }
const cmake = (targets: string[], version?: string): Exports => ({
  ...nothing,
  cmake: [{ package: 'Foo', targets, components: [], ...(version && { version }) }],
})

const faults: readonly (readonly [string, Exports, string, RegExp])[] = [
  [
    'a static library that lacks a symbol',
    cmake(['Foo::foo', 'Foo::bar']),
    '{ target Foo::foo SHARED libfoo.so; target Foo::bar STATIC libbar.a; } > $config',
    /^ *- CMake target Foo::bar of find_package\(Foo\)\n[\s\S]*undefined reference to `lacking'/m,
  ],
  [
    'a target whose file is not there',
    cmake(['Foo::foo', 'Foo::gone']),
    '{ target Foo::foo SHARED libfoo.so; target Foo::gone SHARED libgone.so; } > $config',
    /CMake target Foo::gone of find_package\(Foo\)\n.*libgone\.so/,
  ],
  [
    'a version file that accepts everything',
    cmake(['foo'], '1.0'),
    `target foo SHARED libfoo.so > $config
    printf 'set(PACKAGE_VERSION 9.9)\\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\\n' \
      > $top/lib/cmake/Foo/FooConfigVersion.cmake`,
    /CMake package Foo 1\.0\n.*its version file says '9\.9'/,
  ],
  [
    'a folder of headers that is not there',
    cmake(['Foo::foo']),
    `target Foo::foo SHARED libfoo.so > $config
    echo 'set_property(TARGET Foo::foo PROPERTY INTERFACE_INCLUDE_DIRECTORIES /usr/local/include/foo)' \
      >> $config`,
    /CMake package Foo \(Foo::foo\)\n.*CMake Error[\s\S]*"\/usr\/local\/include\/foo"/,
  ],
  [
    'a dependency that is not looked for',
    cmake(['Foo::foo']),
    `target Foo::foo SHARED libfoo.so > $config
    echo 'set_property(TARGET Foo::foo PROPERTY INTERFACE_LINK_LIBRARIES Bar::bar)' >> $config`,
    /CMake package Foo \(Foo::foo\)\n/,
  ],
  [
    'pkg-config: a static library that lacks a symbol',
    { ...nothing, pkgConfig: ['bar'] },
    `echo 'Libs: -L\${libdir} -lbar' | pc > $top/lib/pkgconfig/bar.pc`,
    /pkg-config file bar\.pc\n[\s\S]*undefined reference to `lacking'/,
  ],
  [
    'pkg-config: a folder that is not there',
    { ...nothing, pkgConfig: ['foo'] },
    `printf 'Cflags: -I/usr/local/include/foo\\nLibs: -L\${libdir} -lfoo\\n' | pc > $top/lib/pkgconfig/foo.pc`,
    /pkg-config file foo\.pc\n.*-I\/usr\/local\/include\/foo: there is no such folder/,
  ],
  [
    'pkg-config: a folder of the system that is not there',
    { ...nothing, pkgConfig: ['foo'] },
    `printf 'Cflags: -I/usr/include/no-foo\\nLibs: -L\${libdir} -lfoo\\n' | pc > $top/lib/pkgconfig/foo.pc`,
    /pkg-config file foo\.pc\n.*-I\/usr\/include\/no-foo: there is no such folder/,
  ],
  [
    'pkg-config: a file that only the system has',
    { ...nothing, pkgConfig: ['zlib'] },
    'true',
    /pkg-config file zlib\.pc\n.*not of this build: \/usr\/lib/,
  ],
  [
    // Its search is CMake's own; here is what it tells when it ends at the system's.
    'a CMake package that only the system has',
    cmake(['foo']),
    `target foo SHARED libfoo.so > $config; echo 'set(Foo_DIR /usr/lib/cmake/Foo)' >> $config`,
    /CMake package Foo\n.*not of this build: \/usr\/lib\/cmake\/Foo/,
  ],
  [
    'a Python module that only the system has',
    { ...nothing, python: ['json'] },
    'true',
    /Python module json\n.*not of this build: \/usr\/lib/,
  ],
]

test.each(faults)('%s is found by a consumer', async (_, exports, text, says) => {
  using place = await bench()
  const folder = join(place.home, '..', 'source')
  mkdirSync(folder)
  const asked = recipe({ name: 'faulty', exports, steps: script(prelude + text) })

  const building = make(place, asked, { folder })

  await expect(building).rejects.toMatchObject({
    code: 'build/export-broken',
    message: expect.stringMatching(says),
  })
  await expect(building).rejects.not.toMatchObject({
    message: expect.stringContaining('CMake target Foo::foo'),
  })
  expect(openLayout(place.home, place.context.store.blobs).tags()).toEqual([])
})

test('without a sandbox, folders that a .pc file has in full are those of the build', async () => {
  using place = await bench({ sandbox: 'none' })
  const folder = join(place.home, '..', 'source')
  mkdirSync(folder)
  const asked = (cflags: string) =>
    recipe({
      name: 'sound',
      exports: { ...nothing, pkgConfig: ['foo'] },
      steps: script(`${prelude}
        mkdir -p $top/include/foo; echo 'int foo(void);' > $top/include/foo/foo.h
        { echo 'Cflags: ${cflags}'; echo 'Libs: -L/usr/local/lib -lfoo'; } |
          pc > $top/lib/pkgconfig/foo.pc`),
      tests: [
        {
          name: 'it is included',
          script: `echo '#include <foo.h>' > use.c; $CC -c use.c $(pkg-config --cflags foo)
            ! pkg-config --exists nothing-of-this-name
            test "$(pkg-config --modversion foo)" = 1.0.0`,
        },
      ],
    })

  const built = await make(place, asked('-I/usr/local/include/foo'), { folder })

  expect(built.outcome).toBe('built')
  const faulty = make(place, asked('-I/usr/local/include/bar'), { folder })
  await expect(faulty).rejects.toMatchObject({
    message: expect.stringMatching(/usr\/local\/include\/bar: there is no such folder/),
  })
})
