import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { AppError, temporaryFolder } from '#kernel/index.ts'
import { type Database, openDatabase } from '../registry/database.ts'
import { accessMigrations } from './accounts.ts'
import { type Claims, sessionsIn } from './sessions.ts'

const dayMs = 86_400_000

test('a key is followed by another one, and is good until nothing can be written', async () => {
  using folder = temporaryFolder()
  const database = openDatabase({ kind: 'sqlite', path: join(folder.path, 'service.db') })
  await database.migrate('access', accessMigrations)
  let [nowMs, isFull] = [1_800_000_000_000, false]
  const full: Database = {
    ...database,
    transaction: async (work) => {
      if (isFull) throw new AppError('kernel/no-space', 'The disk is full')
      return await database.transaction(work)
    },
  }
  const sessions = sessionsIn(full, { nowMs: () => nowMs })
  const signed = async (): Promise<string> => {
    const [iat, exp] = [nowMs / 1000, nowMs / 1000 + 300]
    const claims: Claims = {
      aud: 'a',
      sub: 'b',
      kind: 'user',
      grants: [],
      catalog: false,
      iat,
      exp,
    }
    return await sessions.sign(claims)
  }
  const kidOf = (token: string) => token.split('.')[0]
  isFull = true
  await expect(signed()).rejects.toMatchObject({ code: 'kernel/no-space' })
  isFull = false
  const first = await signed()
  expect(await sessions.verify(first)).toMatchObject({ sub: 'b' })
  nowMs += 31 * dayMs
  isFull = true
  const late = await signed()
  expect(kidOf(late)).toBe(kidOf(first))
  expect(await sessions.verify(late)).toMatchObject({ sub: 'b' })
  isFull = false
  const next = await signed()
  expect(kidOf(next)).not.toBe(kidOf(first))
  expect(await sessions.verify(next)).toMatchObject({ sub: 'b' })
  expect(await sessions.verify(first)).toBeUndefined()
  await database.close()
})
