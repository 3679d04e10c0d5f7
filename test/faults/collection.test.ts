/** Online collection while clients push, mount and delete; minutes of it: `soak.ts collect`. */
import { afterAll, expect } from 'bun:test'
import { stopStorages, storageKinds } from '../storages.ts'
import { soakCollection } from './collection.ts'

afterAll(stopStorages)

for (const { name, test, isShared, open } of storageKinds)
  test(`${name}: what was acknowledged outlives collections without any grace`, async () => {
    await using place = await open()
    const seed = Date.now() % 1_000_000
    const servers = isShared ? 2 : 1
    const pushes = isShared ? 150 : 600
    try {
      const work = { servers, workers: 6, seed, pushes, removals: 20 }
      const report = await soakCollection({ ...place, ...work })
      expect(report.pushed).toBeGreaterThanOrEqual(pushes)
      expect(report.removedBlobs).toBeGreaterThanOrEqual(20)
      expect(report.mounted).toBeGreaterThan(10)
    } catch (error) {
      console.error(`seed ${seed}`)
      throw error
    }
  }, 120_000)
