/**
 * How upkeep asks: rows of one statement, and ranges of a table small enough not to hold up others.
 *
 * Invariant: a slice has at most `sliceRows` rows, so that a step takes milliseconds.
 */
import type { SqlValue } from '../database/contract.ts'
import type { Metadata } from '../metadata/contract.ts'

export const sliceRows = 1000

/** The rows of one statement. */
export async function rowsOf<Row>(
  metadata: Metadata,
  text: string,
  values: readonly SqlValue[] = [],
): Promise<readonly Row[]> {
  const [rows = []] = await metadata.batch([{ text, values }])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement names its columns
  return rows as readonly Row[]
}

/** All repositories, by name. */
export async function repositoriesOf(
  metadata: Metadata,
): Promise<readonly { readonly id: number; readonly name: string }[]> {
  return await rowsOf(metadata, 'SELECT id, name FROM repository ORDER BY name')
}

/** All rows of a list that is ordered by its first column, a page at a time. */
export async function* paged<Row extends Readonly<Record<Key, string>>, Key extends string>(
  metadata: Metadata,
  { text, key }: { readonly text: string; readonly key: Key },
): AsyncIterable<readonly Row[]> {
  for (let after = ''; ; ) {
    const rows = await rowsOf<Row>(metadata, text, [after, sliceRows])
    if (rows.length > 0) yield rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < sliceRows) return
    after = last[key]
  }
}
