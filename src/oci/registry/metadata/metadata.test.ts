import { afterAll } from 'bun:test'
import { join } from 'node:path'
import { systemClock, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../../test/outside.ts'
import { postgresPrograms, startPostgres } from '../../../../test/postgres.ts'
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

let running: ReturnType<typeof startPostgres> | undefined
const server = () => (running ??= startPostgres())
afterAll(async () => {
  await (await running)?.[Symbol.asyncDispose]()
})
metadataContract(
  'PostgreSQL',
  async () => {
    const url = await (await server()).fresh()
    return {
      many: true,
      open: () => postgresMetadata({ url, connectionsMax: 8 }, systemClock),
      [Symbol.asyncDispose]: async () => undefined,
    }
  },
  outside(postgresPrograms),
)
