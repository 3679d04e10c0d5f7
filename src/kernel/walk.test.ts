import { expect } from 'bun:test'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { outside } from '../../test/outside.ts'
import { temporaryFolder } from './files.ts'

const isRoot = process.getuid?.() === 0
// Root without its powers is refused what any user is.
const asUser = isRoot ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : []

outside(isRoot ? ['setpriv'] : [])('a folder goes with the read-only folders in it', async () => {
  using folder = temporaryFolder()
  const [tree, other] = [join(folder.path, 'tree'), join(folder.path, 'other')]
  mkdirSync(join(tree, 'a/b'), { recursive: true })
  writeFileSync(join(tree, 'a/b/file'), 'x')
  mkdirSync(other)
  writeFileSync(join(other, 'kept'), 'x')
  symlinkSync(other, join(tree, 'link'))
  expect(Bun.spawnSync(['chmod', '-R', '000', join(tree, 'a')]).exitCode).toBe(0)
  expect(Bun.spawnSync(['chmod', '500', tree, other]).exitCode).toBe(0)

  const script = "import { removeTree } from '#kernel/index.ts'; removeTree(process.argv[1])"
  const cwd = join(import.meta.dir, '../..')
  const { exitCode } = Bun.spawnSync([...asUser, process.execPath, '-e', script, tree], { cwd })

  expect(exitCode).toBe(0)
  expect(existsSync(tree)).toBe(false)
  expect(existsSync(join(other, 'kept'))).toBe(true)
})
