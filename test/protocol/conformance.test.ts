/** The public conformance suite, on every storage, for strangers and for who has to log in. */
import { afterAll, expect } from 'bun:test'
import { outside } from '../outside.ts'
import { stopStorages, storageKinds } from '../storages.ts'
import { conformance, sparseConfig } from './conformance.ts'
import { guardedRegistry, storedRegistry } from './servers.ts'

afterAll(stopStorages)

/** How many results the suite has at the least: fewer means that it did not run whole. */
const versions = [
  ['1.1', 858],
  ['dev', 1028],
] as const

for (const kind of storageKinds)
  for (const [version, results] of versions) {
    const test = kind.isPossible ? outside(['conformance']) : kind.test
    test(`${kind.name}: the suite of version ${version} passes whole`, async () => {
      await using server = await storedRegistry(kind, sparseConfig)
      const report = await conformance({ registry: server.registry, version })
      expect(report.failed).toEqual([])
      expect(report.passed).toBeGreaterThanOrEqual(results)
    })
  }

outside(['conformance'])('the suite passes whole for an account that may do it all', async () => {
  await using server = await guardedRegistry('access: {}')
  const grants = [
    { repositories: ['conformance/**'], actions: ['pull', 'push', 'delete'] },
  ] as const
  const login = { username: 'ada', password: 'correct horse battery' }
  await server.accounts.add({ name: 'ada', kind: 'user', grants, password: login.password })
  const report = await conformance({ registry: server.registry, version: '1.1', ...login })
  expect(report.failed).toEqual([])
  expect(report.passed).toBeGreaterThanOrEqual(858)
  const stranger = await conformance({ registry: server.registry, version: '1.1' })
  expect(stranger.failed).not.toEqual([])
})
