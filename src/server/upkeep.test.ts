import { expect, test } from 'bun:test'
import { silent, temporaryFolder } from '#kernel/index.ts'
import { openRegistry } from '#oci/index.ts'
import { keepTidy } from './upkeep.ts'

test('of several servers one looks for uploads that nobody goes on with', async () => {
  using folder = temporaryFolder()
  let nowMs = 1_700_000_000_000
  const registry = await openRegistry({ dir: folder.path, clock: { nowMs: () => nowMs } })
  let looks = 0
  const seen = {
    ...registry,
    removeStaleUploads: async (idleMs: number) => {
      looks += 1
      return await registry.removeStaleUploads(idleMs)
    },
  }
  {
    await using first = keepTidy(seen, undefined, silent)
    await using second = keepTidy(seen, undefined, silent)
    await Promise.all([first.look(), second.look(), second.look()])
    expect(looks).toBe(1)
    nowMs += 600_000
    await first.look()
    expect(looks).toBe(2)
  }
  await registry.close()
})
