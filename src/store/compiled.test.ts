/** The store's workers inside a one-file program, where there are no files beside it. */
import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'

const source = join(import.meta.dir, '..')

test('a compiled program packs, unpacks and links', async () => {
  using folder = temporaryFolder(join(source, '../.backlot'), 'compiled-')
  mkdirSync(join(folder.path, 'package/usr/local'), { recursive: true })
  writeFileSync(join(folder.path, 'package/usr/local/a'), 'a')
  const main = join(folder.path, 'main.ts')
  const door = JSON.stringify(join(import.meta.dir, 'index.ts'))
  writeFileSync(
    main,
    `import { linkView, openStore, packLayer, unpackLayer } from ${door}
     const [home = '', folder = ''] = process.argv.slice(2)
     const store = openStore(home)
     const { descriptor, diffId } = await packLayer(store, folder, { epochSeconds: 1 })
     await unpackLayer(store, { ...descriptor, diffId })
     console.log((await linkView(store, [descriptor.digest])).path)`,
  )
  const outfile = join(folder.path, 'program')
  const built = await Bun.build({
    entrypoints: [main, join(import.meta.dir, 'layer-worker.ts')],
    root: source,
    target: 'bun',
    minify: true,
    bytecode: true,
    splitting: true,
    format: 'esm',
    compile: { outfile },
  })
  expect(built.success).toBe(true)

  const argv = [outfile, join(folder.path, 'home'), join(folder.path, 'package')]
  const done = Bun.spawnSync(argv, { cwd: '/', timeout: 20_000 })

  expect(done.stderr.toString()).toBe('')
  expect(await Bun.file(join(done.stdout.toString().trim(), 'usr/local/a')).text()).toBe('a')
}, 60_000)
