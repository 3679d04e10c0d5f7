import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { grouped } from './group-commit.ts'

function fixture() {
  const database = new Database(':memory:')
  database.run('CREATE TABLE t (x INTEGER PRIMARY KEY)')
  const write = grouped(database)
  const add = (x: number) => write(() => database.run('INSERT INTO t VALUES (?)', [x]).changes)
  const all = () => database.query('SELECT x FROM t ORDER BY x').values().flat()
  return { database, write, add, all }
}

test('changes of one turn are done together, each with its own answer', async () => {
  const { add, all } = fixture()
  const changes = [add(1), add(2), add(3)]
  expect(all()).toEqual([])
  expect(await Promise.all(changes)).toEqual([1, 1, 1])
  expect(all()).toEqual([1, 2, 3])
})

test('a change that fails is undone alone', async () => {
  const { write, add, all, database } = fixture()
  const half = write(() => {
    database.run('INSERT INTO t VALUES (10)')
    throw new Error('second thoughts')
  })
  const outcomes = await Promise.allSettled([add(1), half, add(1), add(2)])
  expect(outcomes.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'rejected',
    'fulfilled',
  ])
  expect(all()).toEqual([1, 2])
})

test('when the commit fails nobody is told that it worked', async () => {
  const { database, add, all } = fixture()
  database.run('BEGIN')
  await expect(add(1)).rejects.toThrow()
  expect(all()).toEqual([])
})
