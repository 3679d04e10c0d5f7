/**
 * What a namespace has, as statements: a repository and all below it, shared bytes counted once.
 */
import type { SqlValue } from '../database/contract.ts'

export interface Question {
  readonly text: string
  readonly values: readonly SqlValue[]
}

const within = 'r.name = ? OR (r.name >= ? AND r.name < ?)'

/** One row: `bytes` of its distinct blobs and manifests. */
export function bytesIn(namespace: string): Question {
  const range = rangeOf(namespace)
  return {
    text: `SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM (
  SELECT DISTINCT b.digest, b.size AS size
    FROM repository r JOIN blob b ON b.repository = r.id WHERE ${within}
  UNION ALL
  SELECT c.digest, LENGTH(c.bytes) AS size FROM content c WHERE c.digest IN (
    SELECT m.digest FROM repository r JOIN manifest m ON m.repository = r.id WHERE ${within})
) AS had`,
    values: [...range, ...range],
  }
}

/** One row: `tags`. */
export function tagsIn(namespace: string): Question {
  return {
    text: `SELECT COUNT(*) AS tags
  FROM repository r JOIN tag t ON t.repository = r.id WHERE ${within}`,
    values: rangeOf(namespace),
  }
}

/** A row when a repository of the namespace has it. */
export function holds(kind: 'blob' | 'manifest', namespace: string, digest: string): Question {
  return {
    text: `SELECT 1 AS one FROM repository r JOIN ${kind} b ON b.repository = r.id
  WHERE (${within}) AND b.digest = ? LIMIT 1`,
    values: [...rangeOf(namespace), digest],
  }
}

/** `0` is the character after `/`, so these are the names below the namespace, and itself. */
function rangeOf(namespace: string): [string, string, string] {
  return [namespace, `${namespace}/`, `${namespace}0`]
}
