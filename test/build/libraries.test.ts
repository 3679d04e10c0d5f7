/** Libraries of dependencies: in folders of their own, and not there when the build is used. */
import { expect, setDefaultTimeout } from 'bun:test'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, temporaryFolder } from '#kernel/index.ts'
import { linkView } from '#store/index.ts'
import { outside } from '../outside.ts'
import { bench, dependency, make, recipe, script } from './harness.ts'

const test = outside(['g++', 'namespaces'])
setDefaultTimeout(120_000)

/** Puts libdeep.so into a folder below lib. */
const deep = recipe({
  name: 'deep',
  steps: script(`mkdir -p $DESTDIR/usr/local/lib/deep
    echo 'int deep(void) { return 3; }' > deep.c
    $CC -shared -fPIC deep.c -Wl,-soname,libdeep.so -o $DESTDIR/usr/local/lib/deep/libdeep.so`),
})

/** Has room for search paths, and none that leads to libdeep.so. */
const user = recipe({
  name: 'user',
  steps: script(`mkdir -p $DESTDIR/usr/local/bin
    echo 'int deep(void); int main(void) { return deep() == 3 ? 0 : 1; }' > use.c
    $CC use.c /usr/local/lib/deep/libdeep.so $LDFLAGS -o $DESTDIR/usr/local/bin/use`),
})

function sources() {
  const folder = temporaryFolder()
  writeFileSync(join(folder.path, 'LICENSE'), 'free')
  return folder
}

test('a library in a folder of its own is found from where the build is put', async () => {
  using place = await bench()
  using folder = sources()
  const library = await make(place, deep, { folder: folder.path })

  const built = await make(place, user, {
    folder: folder.path,
    dependencies: [dependency(library)],
  })

  const view = await linkView(place.context.store, [library.layer.digest, built.layer.digest])
  const ran = await run([join(view.path, 'usr/local/bin/use')], { env: {} })
  expect(ran).toMatchObject({ exitCode: 0, stderr: '' })
  expect(built.warnings).toEqual([])
})

test('a library that is required only to build is refused where a file needs it', async () => {
  using place = await bench()
  using folder = sources()
  const library = {
    ...dependency(await make(place, deep, { folder: folder.path })),
    runtime: false,
  }
  const request = { folder: folder.path, dependencies: [library] }

  await expect(make(place, user, request)).rejects.toMatchObject({
    code: 'build/bad-rpath',
    message: '/usr/local/bin/use needs libdeep.so of deep, which is required only to build',
  })
})

test('a compiler may be required only to build, though programs need its libraries', async () => {
  using place = await bench()
  using folder = sources()
  const compiler = recipe({
    name: 'compiler',
    steps: script(`mkdir -p $DESTDIR/usr/local/lib; echo 'int quad(void) { return 4; }' > q.c
      lib=$DESTDIR/usr/local/lib/libquadmath.so.0
      $CC -shared -fPIC q.c -Wl,-soname,libquadmath.so.0 -o $lib`),
  })
  const compiled = recipe({
    name: 'compiled',
    steps: script(`mkdir -p $DESTDIR/usr/local/bin
      echo 'int quad(void); int main(void) { return quad() - 4; }' > use.c
      $CC use.c /usr/local/lib/libquadmath.so.0 $LDFLAGS -o $DESTDIR/usr/local/bin/use`),
  })
  const made = dependency(await make(place, compiler, { folder: folder.path }))
  const request = { folder: folder.path, dependencies: [{ ...made, runtime: false }] }

  expect(await make(place, compiled, request)).toMatchObject({ outcome: 'built' })
})

test('a library that is needed by a path of the build is refused', async () => {
  using place = await bench()
  using folder = sources()
  const nameless = recipe({
    name: 'nameless',
    steps: script(`lib=$DESTDIR/usr/local/lib; mkdir -p $lib
      echo 'int f(void) { return 0; }' > f.c; echo 'int f(void); int g(void) { return f(); }' > g.c
      $CC -shared -fPIC f.c -o $lib/libf.so
      $CC -shared -fPIC g.c $lib/libf.so $LDFLAGS -o $lib/libg.so`),
  })

  await expect(make(place, nameless, { folder: folder.path })).rejects.toMatchObject({
    code: 'build/bad-rpath',
    message: expect.stringContaining(
      "libg.so needs a library by the path '/backlot/stage/usr/local/lib/libf.so'",
    ),
    hints: expect.arrayContaining([expect.stringContaining('-Wl,-soname,libf.so')]),
  })
})

test('the folder that `path:` names may be a link', async () => {
  using place = await bench()
  using folder = sources()
  mkdirSync(join(folder.path, 'real'))
  writeFileSync(join(folder.path, 'real', 'data'), 'data')
  symlinkSync('real', join(folder.path, 'link'))
  const linked = recipe({
    name: 'linked',
    sources: [{ kind: 'path', path: 'link', strip: 0 }],
    steps: script('install -D data $DESTDIR/usr/local/share/data'),
  })

  const { layer } = await make(place, linked, { folder: folder.path })

  const view = await linkView(place.context.store, [layer.digest])
  expect(existsSync(join(view.path, 'usr/local/share/data'))).toBe(true)
})
