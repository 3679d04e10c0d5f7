/**
 * Whether what is added fits the budget of its namespace, decided in the transaction that adds it.
 *
 * Invariant: who adds under a budget holds the namespace's row in `quota` until its commit, so of
 * two servers the second counts what the first has added. The row says no less than there is, as
 * deletions are not subtracted from it: before something is refused, and every `recountMs`, which
 * heals what was added under another configuration, all is counted anew.
 * Both drivers run these steps. Not here: what is refused early (`access/quotas.ts`).
 */
import { AppError, type Digest } from '#kernel/index.ts'
import { parameterList } from '../database/parameters.ts'
import { bytesIn, holds, type Question, tagsIn } from './namespaces.ts'

const recountMs = 600_000

export interface Budget {
  readonly namespace: string
  readonly bytesMax?: number | undefined
  readonly tagsMax?: number | undefined
  /** All namespaces with a limit that what is added belongs to: this one, and those above it. */
  readonly charged: readonly string[]
}

/** What a transaction is about to add to a repository. */
export interface Addition {
  readonly kind: 'blob' | 'manifest'
  readonly repository: string
  readonly digest: Digest
  readonly sizeBytes: number
  /** Tags that it sets. */
  readonly tags: readonly string[]
}

/** What a manifest that is put adds. */
export function additionOf(
  repository: string,
  {
    record: { digest, bytes },
    tags,
  }: {
    readonly record: { readonly digest: Digest; readonly bytes: Uint8Array }
    readonly tags: readonly string[]
  },
): Addition {
  return { kind: 'manifest', repository, digest, sizeBytes: bytes.byteLength, tags }
}

interface Charged {
  readonly namespace: string
  readonly bytes: number
  readonly tags: number
  readonly countedMs: number
}

/** Statements of a transaction; each is given the rows of the one before. */
type Steps<Result> = Generator<Question, Result, readonly unknown[]>

/**
 * Charges the addition, before it is made.
 * @param options `lock`: what keeps rows from others until the commit, where that is not so anyhow.
 * @throws AppError `oci/over-quota`, and the transaction must be undone
 */
export function* charging(
  budget: Budget,
  addition: Addition,
  options: { readonly nowMs: number; readonly lock: '' | ' FOR UPDATE' },
): Steps<void> {
  const namespaces = [...new Set(budget.charged)].toSorted()
  const names = parameterList(namespaces.length)
  const select: Question = {
    text: `SELECT namespace, bytes, tags, counted_ms AS "countedMs" FROM quota
      WHERE namespace IN ${names} ORDER BY namespace${options.lock}`,
    values: namespaces,
  }
  let rows = yield* asked<Charged>(select)
  if (rows.length < namespaces.length) {
    yield {
      text: `INSERT INTO quota (namespace, bytes, tags, counted_ms)
        VALUES ${namespaces.map(() => '(?, 0, 0, 0)').join(', ')} ON CONFLICT DO NOTHING`,
      values: namespaces,
    }
    rows = yield* asked<Charged>(select)
  }
  const tags = yield* newTags(addition)
  for (const row of rows) {
    const { kind, digest, sizeBytes } = addition
    const known = yield* asked(holds(kind, row.namespace, digest))
    const more = { bytes: known.length > 0 ? 0 : sizeBytes, tags }
    const rules = row.namespace === budget.namespace
    const had = rules ? yield* fitting(budget, row, { more, nowMs: options.nowMs }) : row
    yield {
      text: 'UPDATE quota SET bytes = ?, tags = ?, counted_ms = ? WHERE namespace = ?',
      values: [had.bytes + more.bytes, had.tags + more.tags, had.countedMs, row.namespace],
    }
  }
}

/** What the namespace has, when more fits. @throws AppError `oci/over-quota` */
function* fitting(
  budget: Budget,
  row: Charged,
  { more, nowMs }: { readonly more: { bytes: number; tags: number }; readonly nowMs: number },
): Steps<Charged> {
  const overOf = (had: Charged): AppError | undefined => {
    const { bytesMax = Infinity, tagsMax = Infinity } = budget
    if (more.bytes > 0 && had.bytes + more.bytes > bytesMax) return overBytes(budget)
    return more.tags > 0 && had.tags + more.tags > tagsMax ? overTags(budget) : undefined
  }
  if (row.countedMs > nowMs - recountMs && overOf(row) === undefined) return row
  const [bytes] = yield* asked<{ bytes: number }>(bytesIn(row.namespace))
  const [tags] = yield* asked<{ tags: number }>(tagsIn(row.namespace))
  const counted = { ...row, bytes: bytes?.bytes ?? 0, tags: tags?.tags ?? 0, countedMs: nowMs }
  const over = overOf(counted)
  if (over !== undefined) throw over
  return counted
}

/** How many of the tags the repository does not have. */
function* newTags({ repository, tags }: Addition): Steps<number> {
  if (tags.length === 0) return 0
  const had = yield* asked({
    text: `SELECT t.name FROM repository r JOIN tag t ON t.repository = r.id
      WHERE r.name = ? AND t.name IN ${parameterList(tags.length)}`,
    values: [repository, ...tags],
  })
  return new Set(tags).size - had.length
}

function* asked<Row>(question: Question): Steps<readonly Row[]> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement names its columns
  return (yield question) as readonly Row[]
}

const hints = ['Delete what is not needed, or ask who runs this registry for more.']

export function overBytes({ namespace, bytesMax }: Budget): AppError {
  const text = `${namespace} would have more than the ${bytesMax} bytes that it may`
  return new AppError('oci/over-quota', text, { hints })
}

function overTags({ namespace, tagsMax }: Budget): AppError {
  const text = `${namespace} would have more than the ${tagsMax} tags that it may`
  return new AppError('oci/over-quota', text, { hints })
}
