import { expect, setDefaultTimeout } from 'bun:test'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildIdOf, enterSandbox, findBuild } from '#build/index.ts'
import { run } from '#kernel/index.ts'
import { parseVersion } from '#model/index.ts'
import { openLayout } from '#oci/index.ts'
import { linkView, readTree } from '#store/index.ts'
import { outside } from '../outside.ts'
import {
  bench,
  cmakeStep,
  dependency,
  fixtures,
  greeting,
  make,
  recipe,
  script,
} from './harness.ts'

const test = outside(['g++', 'cmake', 'ninja', 'pkg-config', 'namespaces'])
setDefaultTimeout(120_000)
const inGreeting = { folder: join(fixtures, 'greeting') }

test('a build made twice in different folders has the same layer and manifest', async () => {
  using first = await bench()
  using second = await bench()

  const one = await make(first, greeting, inGreeting)
  const two = await make(second, greeting, inGreeting)

  expect(one.layer.digest).toBe(two.layer.digest)
  expect(one.manifest).toBe(two.manifest)
  expect(one.warnings).toEqual([])
  expect(one.config.host).toEqual([{ name: '__glibc', range: expect.stringMatching(/^>=2\./) }])
  expect(one.config.licenseFiles).toEqual(['usr/local/share/licenses/greeting/LICENSE'])
  const paths = readTree(first.context.store, one.layer.digest)?.entries.map(({ path }) => path)
  expect(paths).toContain('usr/local/lib/libgreeting.so.1.2.3')
})

test('neither umask nor the day of the build is seen', async () => {
  using first = await bench()
  using second = await bench()
  const times = recipe({
    name: 'times',
    steps: script(`mkdir -p $DESTDIR/usr/local/share/man
      for file in CMakeLists.txt greeting.cpp .; do
        test "$(date -r $file +%s)" = $SOURCE_DATE_EPOCH
      done
      umask > $DESTDIR/usr/local/share/mask
      echo page > page.1 && gzip -c page.1 > $DESTDIR/usr/local/share/man/page.1.gz
      gzip page.1 && cp page.1.gz $DESTDIR/usr/local/share/man/named.gz`),
    tests: [
      {
        name: 'no time in what gzip made',
        script: `for page in /usr/local/share/man/*.gz; do
          test "$(od -An -tx1 -j4 -N4 $page | tr -d ' ')" = 00000000
        done`,
      },
    ],
  })

  const one = await make(first, times, inGreeting)
  const before = process.umask(0o077)
  const two = await make(second, times, inGreeting).finally(() => process.umask(before))

  expect(two.layer.digest).toBe(one.layer.digest)
})

test('an equal id is not built again, and a build is found by its id', async () => {
  using place = await bench()
  const built = await make(place, greeting, inGreeting)

  const again = await make(place, greeting, inGreeting)

  expect(again).toMatchObject({ outcome: 'reused', manifest: built.manifest })
  const { name, version, buildId } = built.config
  expect((await findBuild(place.context.store, { name, version, buildId }))?.layer).toEqual(
    built.layer,
  )
  const forced = await make(place, greeting, { ...inGreeting, force: true })
  expect(forced).toMatchObject({ outcome: 'built', warnings: [], manifest: built.manifest })
})

test('SBOM and provenance hang on the build, which names sandbox and licence', async () => {
  using place = await bench()
  const built = await make(place, greeting, inGreeting)

  const layout = openLayout(place.home, place.context.store.blobs)
  const referrers = await layout.referrers(built.manifest)

  expect(new Set(referrers.map(({ artifactType }) => artifactType))).toEqual(
    new Set(['application/spdx+json', 'application/vnd.in-toto+json']),
  )
  expect(built.config).toMatchObject({ sandbox: true, license: 'Apache-2.0' })
})

test('what is built against a library finds it by a path relative to itself', async () => {
  using place = await bench()
  const library = await make(place, greeting, inGreeting)
  const user = recipe({
    name: 'user',
    steps: script(`
        echo '#include <greeting.h>
        int main() { return greeting()[0] == 104 ? 0 : 1; }' > use.cpp
        mkdir -p $DESTDIR/usr/local/bin/deep $DESTDIR/usr/local/share
        $CXX use.cpp -lgreeting $LDFLAGS -o $DESTDIR/usr/local/bin/use
        cp $DESTDIR/usr/local/bin/use $DESTDIR/usr/local/bin/deep/use`),
    exports: {
      cmake: [],
      pkgConfig: [],
      programs: [
        { name: 'use', args: [], exit: 0 },
        { name: 'deep/use', args: [], exit: 0 },
      ],
      python: [],
    },
  })

  const built = await make(place, user, {
    ...inGreeting,
    dependencies: [dependency(library, '>=1.2')],
  })

  expect(built.config.requires).toEqual([
    {
      name: 'greeting',
      range: '>=1.2',
      version: '1.2.3',
      interface: library.config.interface,
      buildId: library.config.buildId,
    },
  ])
  // Anywhere else, without a word to the loader.
  const { store } = place.context
  const view = await linkView(store, [library.layer.digest, built.layer.digest])
  const ran = await run([join(view.path, 'usr/local/bin/deep/use')], { env: {} })
  expect(ran).toMatchObject({ exitCode: 0, stderr: '' })
})

test('a search path that is too short for everything keeps what is needed', async () => {
  using place = await bench()
  const tight = recipe({
    name: 'tight',
    steps: script(`top=$DESTDIR/usr/local; mkdir -p $top/lib/plugins/deep
      echo 'int one(void) { return 0; }' > one.c
      echo 'int one(void); int two(void) { return one(); }' > two.c
      $CC -shared -fPIC one.c -Wl,-rpath,/usr/local -o $top/lib/libone.so
      $CC -shared -fPIC two.c -L$top/lib -lone -o $top/lib/plugins/deep/two.so \
        -Wl,-rpath,/usr/local/lib64:/usr/local/q`),
    tests: [
      {
        name: 'it loads',
        script: `readelf -d /usr/local/lib/plugins/deep/two.so | grep -F '[$ORIGIN/../..]'
          readelf -d /usr/local/lib/libone.so | grep -F '[$ORIGIN/..]'`,
      },
    ],
  })

  expect((await make(place, tight, inGreeting)).warnings).toEqual([])
})

test('a test that fails tells its last lines, and its sandbox shows what it saw', async () => {
  using place = await bench()
  const failing = recipe({
    name: 'failing',
    steps: script('mkdir -p $DESTDIR/usr/local/share; echo fine > $DESTDIR/usr/local/share/fine'),
    tests: [{ name: 'cross', script: 'cat /usr/local/share/fine; echo and cross; exit 4' }],
  })

  await expect(make(place, failing, inGreeting)).rejects.toMatchObject({
    code: 'build/export-broken',
    message: expect.stringMatching(/its test 'cross' ended with 4\n[\s\S]*fine\nand cross$/),
  })
  const folder = readdirSync(join(place.home, 'builds')).find((name) => !name.endsWith('.lock'))
  const entered = enterSandbox(join(place.home, 'builds', folder ?? ''), {
    argv: ['/bin/sh', '-c', 'pwd; cat /usr/local/share/fine'],
  })
  expect((await run(entered.argv, { env: entered.env })).stdout).toBe('/backlot/build\nfine\n')
})

test('only a change of a interface below changes ids above it', async () => {
  using place = await bench()
  const folder = join(place.home, '..', 'greeting')
  cpSync(join(fixtures, 'greeting'), folder, { recursive: true })
  const bare = { ...greeting, exports: recipe({ name: 'x' }).exports, tests: [] }
  const idAbove = async () => {
    const built = await make(place, bare, { folder })
    const user = recipe({ name: 'user', steps: script('true') })
    const request = { recipe: user, folder, system: [], dependencies: [dependency(built)] }
    return {
      buildId: built.config.buildId,
      above: buildIdOf({ ...request, recipe: { ...user, sources: [] } }, place.context),
    }
  }

  const before = await idAbove()
  const source = readFileSync(join(folder, 'greeting.cpp'), 'utf8')
  writeFileSync(
    join(folder, 'greeting.cpp'),
    source.replace('return words();', 'return words() + 0;'),
  )
  const inside = await idAbove()
  writeFileSync(
    join(folder, 'greeting.h'),
    '#pragma once\nconst char* greeting();\nconst char* built_in();\nint more();\n',
  )
  const outsideChange = await idAbove()

  expect(inside.buildId).not.toBe(before.buildId)
  expect(inside.above).toBe(before.above)
  expect(outsideChange.above).not.toBe(before.above)
})

test('a package whose CMake configuration forgets a target is not accepted', async () => {
  using place = await bench()
  const forgetful = recipe({
    name: 'forgetful',
    version: parseVersion('2.0.0'),
    steps: [cmakeStep],
    exports: {
      cmake: [
        {
          package: 'forgetful',
          targets: ['forgetful::forgetful', 'forgetful::forgetful_helpers'],
          components: [],
        },
      ],
      pkgConfig: [],
      programs: [],
      python: [],
    },
  })

  const building = make(place, forgetful, { folder: join(fixtures, 'forgetful') })

  await expect(building).rejects.toMatchObject({
    code: 'build/export-broken',
    message: expect.stringMatching(/CMake target forgetful::forgetful_helpers of find_package/),
    hints: expect.arrayContaining([expect.stringContaining('backlot debug')]),
  })
  expect(openLayout(place.home, place.context.store.blobs).tags()).toEqual([])
})

test('a step that fails tells its last lines, the log, and how to enter its sandbox', async () => {
  using place = await bench()
  const broken = recipe({
    name: 'broken',
    steps: script('echo made > made-by-the-step; echo about to fail; exit 3'),
  })

  const error: unknown = await make(place, broken, inGreeting).catch((thrown: unknown) => thrown)

  expect(error).toMatchObject({
    code: 'build/failed',
    message: expect.stringMatching(/broken: script ended with 3\n[\s\S]*about to fail/),
    hints: [expect.stringMatching(/log: \S+\.log$/), expect.stringMatching(/backlot debug \S+$/)],
  })
  const folder = readdirSync(join(place.home, 'builds')).find((name) => !name.endsWith('.lock'))
  const entered = enterSandbox(join(place.home, 'builds', folder ?? ''), {
    argv: ['/bin/sh', '-c', 'pwd; cat made-by-the-step; echo $CXX'],
  })
  const said = await run(entered.argv, { env: entered.env })
  expect(said.stdout).toBe('/backlot/src\nmade\ng++\n')
})

test('a line without an end does not fill the screen', async () => {
  using place = await bench()
  const long = recipe({ name: 'long', steps: script('seq -s, 20000; exit 1') })

  const error = await make(place, long, inGreeting).catch((thrown: unknown) => thrown)

  expect(error).toMatchObject({ code: 'build/failed', message: expect.stringMatching(/…$/) })
  expect(String(error).length).toBeLessThan(2000)
})

test('a box shows no network, no home, no host /usr/local, and no writable host', async () => {
  using place = await bench()
  const nosy = recipe({
    name: 'nosy',
    environment: { FROM_RECIPE: 'yes' },
    steps: script(`
      test "$(ls /sys/class/net 2>/dev/null | grep -v '^lo$')" = ""
      ! touch /usr/bin/written 2>/dev/null
      ! touch /etc/written 2>/dev/null
      grep -q '^CapEff:.0*$' /proc/self/status # As root bwrap leaves powers, unless told.
      ! umount /usr/local 2>/dev/null
      test -z "$(ls /usr/local)"
      test ! -e /root -a ! -e /home -a ! -e /work
      test "$(env | grep -c '^BACKLOT_TEST_SECRET=')" = 0
      test "$LANG $TZ $FROM_RECIPE" = 'C.UTF-8 UTC yes'
      test "$SOURCE_DATE_EPOCH" = 315532800
      test "$(pwd)" = /backlot/src
      mkdir -p $DESTDIR/usr/local/share && echo fine > $DESTDIR/usr/local/share/fine`),
  })

  const built = await make(place, nosy, inGreeting)

  expect(built.outcome).toBe('built')
  expect(existsSync(join(place.home, 'builds', 'nosy'))).toBe(false)
})

const refusals: readonly (readonly [what: string, script: string, code: string, says: RegExp])[] = [
  [
    'a build path in a CMake file',
    'mkdir -p $DESTDIR/usr/local/lib/cmake; echo "set(X $BACKLOT_BUILD/x)" > $DESTDIR/usr/local/lib/cmake/x.cmake',
    'build/leaked-path',
    /usr\/local\/lib\/cmake\/x\.cmake: …set\(X \/backlot\/build/,
  ],
  [
    'files outside the prefix',
    'mkdir -p $DESTDIR/etc; echo x > $DESTDIR/etc/x.conf',
    'build/outside-prefix',
    /^\/etc\/x\.conf is outside/,
  ],
  [
    'a link that leaves by way of another',
    'mkdir -p $DESTDIR/usr/local/a/b; cd $DESTDIR/usr/local; ln -s ../.. a/b/up; ln -s . here; ln -s a/b/up/../../.. out',
    'build/outside-prefix',
    /The link \/usr\/local\/out leads to/,
  ],
  [
    'a pipe',
    'mkdir -p $DESTDIR/usr/local; mkfifo $DESTDIR/usr/local/pipe',
    'build/outside-prefix',
    /^\/usr\/local\/pipe is a pipe/,
  ],
  ['no files', 'true', 'build/outside-prefix', /installed no files/],
  [
    'a link out of the prefix',
    'mkdir -p $DESTDIR/usr/local; ln -s /etc/passwd $DESTDIR/usr/local/p',
    'build/outside-prefix',
    /The link \/usr\/local\/p leads to \/etc\/passwd/,
  ],
  [
    'a search path outside the prefix',
    'mkdir -p $DESTDIR/usr/local/lib; echo "int f(){return 0;}" > f.c; $CC -shared f.c -Wl,-rpath,/opt/other/lib -o $DESTDIR/usr/local/lib/libf.so',
    'build/bad-rpath',
    /libf\.so looks for libraries in '\/opt\/other\/lib'/,
  ],
  [
    'a library of its own that it cannot find',
    'mkdir -p $DESTDIR/usr/local/lib; cd $DESTDIR/usr/local/lib; echo "int f(){return 0;}" > /tmp/f.c; echo "int f(); int g(){return f();}" > /tmp/g.c; $CC -shared -fPIC /tmp/f.c -o libf.so; $CC -shared -fPIC /tmp/g.c -L. -lf -o libg.so',
    'build/bad-rpath',
    /libg\.so needs the search path '\$ORIGIN'/,
  ],
]
test.each(refusals)('%s is refused', async (_, text, code, says) => {
  using place = await bench()

  const building = make(place, recipe({ name: 'refused', steps: script(text) }), inGreeting)

  await expect(building).rejects.toMatchObject({ code, message: expect.stringMatching(says) })
  expect(openLayout(place.home, place.context.store.blobs).tags()).toEqual([])
})

test('build paths in compiled files give a warning with the file', async () => {
  using place = await bench()
  const leaky = recipe({
    name: 'leaky',
    steps: script(`mkdir -p $DESTDIR/usr/local/bin
      echo '#include <stdio.h>
      int main() { puts(WHERE); }' > w.c
      $CC -DWHERE="\\"$BACKLOT_SOURCE/data\\"" w.c -o $DESTDIR/usr/local/bin/w`),
  })

  const built = await make(place, leaky, inGreeting)

  expect(built.warnings).toEqual([expect.stringContaining('/usr/local/bin/w: …')])
})

test('a library of the host that no requirement stands for gives a warning', async () => {
  using place = await bench()
  const linked = recipe({
    name: 'linked',
    steps: script(`mkdir -p $DESTDIR/usr/local/lib
      echo 'int one(void) { return 1; }' > one.c
      $CC -shared -fPIC one.c -Wl,-soname,libone.so.1 -o /tmp/libone.so
      echo 'int one(void); int two(void) { return one() + 1; }' > two.c
      $CC -shared -fPIC two.c /tmp/libone.so -o $DESTDIR/usr/local/lib/libtwo.so`),
  })

  const built = await make(place, linked, inGreeting)

  expect(built.warnings).toEqual([expect.stringContaining('needs libone.so.1 of the operating')])
})

test('a module for one Python binds the build to it; Python code does not', async () => {
  using place = await bench()
  const python = (name: string, lines: string) =>
    recipe({
      name,
      steps: script(
        `site=$DESTDIR/usr/local/lib/python3.11/site-packages; mkdir -p $site\n${lines}`,
      ),
    })
  const pure = python('pure', 'echo "answer = 42" > $site/pure.py')
  const native = python(
    'native',
    `echo 'void *PyInit_native(void) { return 0; }' > native.c
    $CC -shared -fPIC native.c -o $site/native.so`,
  )

  const free = await make(place, pure, inGreeting)
  const bound = await make(place, native, inGreeting)

  expect(free.config.constraints).toEqual([])
  expect(free.warnings).toEqual([])
  expect(bound.config.constraints).toEqual(['~cpython 3.11'])
  expect(bound.warnings).toEqual([
    expect.stringContaining('compiled for Python 3.11, but the recipe does not require cpython'),
  ])
})

test('without a sandbox a build says so, in its config and in a warning', async () => {
  using place = await bench({ sandbox: 'none' })

  const built = await make(place, greeting, inGreeting)

  expect(built.config.sandbox).toBe(false)
  expect(built.warnings).toContain('built without a sandbox')
})

test('a compiler newer than the platform allows gives a warning, not an error', async () => {
  using place = await bench()
  const tiny = recipe({
    name: 'tiny',
    steps: script('mkdir -p $DESTDIR/usr/local; echo 1 > $DESTDIR/usr/local/one'),
  })

  const built = await make(place, tiny, { ...inGreeting, platform: 'CY2023', gccMax: '4.0' })

  expect(built.warnings).toEqual([expect.stringMatching(/gcc .*; CY2023 asks for at most 4\.0/)])
})

test('a build that needs a newer C library than the platform has gives a warning', async () => {
  using place = await bench()

  const built = await make(place, greeting, {
    ...inGreeting,
    platform: 'CY2014',
    glibcMax: '2.2',
  })

  expect(built.warnings).toEqual([
    expect.stringMatching(/needs glibc >=2\.\d+.*; machines of CY2014 may have 2\.2 only/),
  ])
})
