/** The tables of traffic: a row for each day and combination, and the counts of requests upstream. */
import type { Migration } from '../registry/database.ts'

export const trafficMigrations: readonly Migration[] = [
  ({ text, integer }) => [
    `CREATE TABLE traffic (
  server ${text} NOT NULL,
  day ${integer} NOT NULL,
  namespace ${text} NOT NULL,
  repository ${text} NOT NULL,
  upstream ${text} NOT NULL,
  client ${text} NOT NULL,
  kind ${text} NOT NULL,
  outcome ${text} NOT NULL,
  requests ${integer} NOT NULL,
  sent_bytes ${integer} NOT NULL,
  received_bytes ${integer} NOT NULL,
  PRIMARY KEY (day, server, repository, upstream, client, kind, outcome)
)`,
    `CREATE TABLE upstream_traffic (
  server ${text} NOT NULL,
  upstream ${text} NOT NULL,
  method ${text} NOT NULL,
  status ${integer} NOT NULL,
  requests ${integer} NOT NULL,
  received_bytes ${integer} NOT NULL,
  PRIMARY KEY (server, upstream, method, status)
)`,
  ],
]
