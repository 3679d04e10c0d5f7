/**
 * What every driver of `Database` must do; a driver's test is one line that calls this.
 */
import { expect, type test as Test } from 'bun:test'
import type { Database, Migration } from './database.ts'

const account: readonly Migration[] = [
  ({ text, integer, serial }) => [
    `CREATE TABLE account (id ${serial}, name ${text} NOT NULL UNIQUE, bytes ${integer} NOT NULL)`,
  ],
]
const withKey: readonly Migration[] = [
  ...account,
  ({ bytes }) => [`ALTER TABLE account ADD COLUMN secret ${bytes}`],
]
const add = 'INSERT INTO account (name, bytes) VALUES (?, ?)'

interface Account {
  readonly id: number
  readonly name: string
  readonly bytes: number
  readonly secret: Uint8Array | null
}

/** Registers the suite; `open` gives a database anew, or the one that was opened last. */
export function databaseContract(
  name: string,
  open: (which: 'fresh' | 'same') => Promise<Database>,
  test: typeof Test,
): void {
  test(`${name}: values come back as they went in`, async () => {
    const database = await open('fresh')
    await database.migrate('accounts', withKey)
    const secret = new Uint8Array([0, 255, 7])
    const bytes = 2 ** 52 + 1
    const stored = await database.query<{ id: number }>(
      'INSERT INTO account (name, bytes, secret) VALUES (?, ?, ?) RETURNING id',
      ["it's ?", bytes, secret],
    )
    expect(stored).toEqual([{ id: 1 }])
    const [row] = await database.query<Account>('SELECT * FROM account WHERE name = ?', ["it's ?"])
    expect(new Uint8Array(row?.secret ?? [])).toEqual(secret)
    expect(row).toMatchObject({ id: 1, name: "it's ?", bytes })
    const sums = 'SELECT COUNT(*) AS n, CAST(SUM(bytes) AS BIGINT) AS sum FROM account'
    expect(await database.query(sums)).toEqual([{ n: 1, sum: bytes }])
    await database.close()
  })

  test(`${name}: texts are ordered by code point, changes are counted`, async () => {
    const database = await open('fresh')
    await database.migrate('accounts', account)
    for (const one of ['b', 'a-b', 'B', 'ab', 'é']) await database.run(add, [one, 1])
    const rows = await database.query<Account>('SELECT name FROM account ORDER BY name')
    expect(rows.map((row) => row.name)).toEqual(['B', 'a-b', 'ab', 'b', 'é'])
    expect(await database.run('UPDATE account SET bytes = 2 WHERE name < ?', ['b'])).toBe(3)
    await expect(database.run(add, ['b', 1])).rejects.toThrow(/unique/i)
    await database.close()
  })

  test(`${name}: a transaction that fails changes nothing`, async () => {
    const database = await open('fresh')
    await database.migrate('accounts', account)
    const failing = database.transaction(async (within) => {
      await within.run(add, ['a', 1])
      throw new Error('second thoughts')
    })
    await expect(failing).rejects.toThrow('second thoughts')
    expect(await database.query('SELECT 1 FROM account')).toHaveLength(0)
    expect(await database.transaction(async () => [1, 2])).toEqual([1, 2])
    await database.close()
  })

  test(`${name}: transactions are as if each ran alone`, async () => {
    const database = await open('fresh')
    const other = await open('same')
    await database.migrate('accounts', account)
    await database.run(add, ['a', 0])
    const grow = async (into: Database) =>
      await into.transaction(async (within) => {
        const [row] = await within.query<Account>('SELECT bytes FROM account WHERE name = ?', ['a'])
        await within.run('UPDATE account SET bytes = ? WHERE name = ?', [
          (row?.bytes ?? 0) + 1,
          'a',
        ])
      })
    await Promise.all([database, other, database, other, database, other, database].map(grow))
    expect(await database.query('SELECT bytes FROM account')).toEqual([{ bytes: 7 }])
    await database.close()
    await other.close()
  })

  test(`${name}: tables come to their newest version, once, and no further`, async () => {
    const database = await open('fresh')
    await database.migrate('accounts', account)
    await database.run(add, ['kept', 1])
    const other = await open('same')
    await Promise.all([database, other, database].map((one) => one.migrate('accounts', withKey)))
    expect(await other.query('SELECT name, secret FROM account')).toHaveLength(1)
    await expect(database.migrate('accounts', account)).rejects.toMatchObject({
      code: 'oci/bad-layout',
    })
    await database.close()
    await other.close()
  })
}
