import { expect, test } from 'bun:test'
import { AppError, type Emit, silent, temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
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

test('a collection that failed is tried again with the next look', async () => {
  using folder = temporaryFolder()
  const { retention } = parseRegistryConfig('retention: { rules: [] }', 'registry.yaml')
  const registry = await openRegistry({ dir: folder.path })
  let tries = 0
  const collect = async () => {
    tries += 1
    if (tries === 1) throw new AppError('oci/bucket-gone', 'The bucket is away')
    return await registry.upkeep.collect()
  }
  const failing = { ...registry, upkeep: { ...registry.upkeep, collect } }
  const told: string[] = []
  const emit: Emit = (event) => void (event.kind === 'warning' && told.push(event.text))
  {
    await using tidy = keepTidy(failing, retention, emit)
    for (let look = 0; look < 3; look += 1) await tidy.look()
  }
  expect(tries).toBe(2)
  expect(told).toEqual(['Upkeep failed: The bucket is away'])
  await registry.close()
})
