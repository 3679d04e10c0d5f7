/** The table of lists that are run on a schedule: who runs one, since when, and what came of it. */
import type { Migration } from '../registry/database.ts'

export const syncMigrations: readonly Migration[] = [
  ({ text, integer }) => [
    `CREATE TABLE sync_list (
  name ${text} PRIMARY KEY,
  claimed_until_ms ${integer} NOT NULL,
  started_ms ${integer} NOT NULL,
  report ${text} NOT NULL
)`,
  ],
]
