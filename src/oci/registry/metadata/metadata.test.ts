import { afterAll } from 'bun:test'
import { join } from 'node:path'
import { systemClock, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../../test/outside.ts'
import { postgresPrograms, sharedPostgres, stopPostgres } from '../../../../test/postgres.ts'
import { metadataContract } from './metadata.contract.ts'
import { postgresMetadata } from './postgres.ts'
import { sqliteMetadata } from './sqlite.ts'

metadataContract('SQLite', async () => {
  const folder = temporaryFolder()
  return {
    many: false,
    open: async () => sqliteMetadata(join(folder.path, 'registry.db'), systemClock),
    [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
  }
})

afterAll(stopPostgres)
metadataContract(
  'PostgreSQL',
  async () => {
    const url = await (await sharedPostgres()).fresh()
    return {
      many: true,
      open: () => postgresMetadata({ url, connectionsMax: 8 }, systemClock),
      [Symbol.asyncDispose]: async () => undefined,
    }
  },
  outside(postgresPrograms),
)
