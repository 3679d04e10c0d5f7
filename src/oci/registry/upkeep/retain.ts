/**
 * Retention at work: reads what each repository has, asks the rules, and puts what goes in the bin.
 *
 * Invariant: a tag or manifest goes only in a transaction that finds it as it was judged: not
 * moved, not pushed again, not named or tagged since.
 */
import type { Clock, Digest } from '#kernel/index.ts'
import type { Actor } from '../../access/accounts.ts'
import type { Statement } from '../metadata/contract.ts'
import type { Storage } from '../storage.ts'
import type { RetainReport } from './contract.ts'
import { noteChanges, type UpkeepChange } from './noted.ts'
import {
  judge,
  type ManifestFacts,
  reasonInBin,
  type RepositoryFacts,
  type RetentionRule,
  type TagFacts,
  type Verdict,
} from './retention-rules.ts'
import { repositoriesOf, rowsOf } from './statements.ts'

export async function retain(
  storage: Storage,
  clock: Clock,
  options: {
    readonly rules: readonly RetentionRule[]
    readonly dryRun: boolean
    readonly actor: Actor
  },
): Promise<RetainReport> {
  const { rules, dryRun, actor } = options
  const all: Verdict[] = []
  let [removedTags, removedManifests] = [0, 0]
  for (const { id, name } of await repositoriesOf(storage.metadata)) {
    const facts = await factsOf(storage, id, name)
    const verdicts = judge(rules, facts, clock.nowMs())
    const gone: Verdict[] = []
    for (const verdict of verdicts)
      if (
        !verdict.keep &&
        (dryRun || (await recycle(storage, { id, facts, verdict, nowMs: clock.nowMs() })))
      )
        gone.push(verdict)
    if (!dryRun) await noteChanges(storage, gone.map(changeOf), { actor, nowMs: clock.nowMs() })
    removedTags += gone.filter(({ tag }) => tag !== undefined).length
    removedManifests += gone.filter(({ tag }) => tag === undefined).length
    all.push(...verdicts)
  }
  return { dryRun, verdicts: all, removedTags, removedManifests }
}

function changeOf({ repository, tag, digest }: Verdict): UpkeepChange {
  return tag === undefined
    ? { action: 'manifest.expire', repository, subject: digest }
    : { action: 'tag.expire', repository, subject: `${tag} ${digest}` }
}

interface ManifestRow {
  readonly digest: Digest
  readonly pushedMs: number
  readonly pulledMs: number | null
  readonly subject: Digest | null
}

async function factsOf(
  { metadata }: Storage,
  id: number,
  repository: string,
): Promise<RepositoryFacts> {
  const [tags, manifests, names] = await Promise.all([
    rowsOf<Omit<TagFacts, 'pulledMs'> & { pulledMs: number | null }>(
      metadata,
      `SELECT t.name, t.digest, t.moved_ms AS "movedMs", p.pulled_ms AS "pulledMs"
       FROM tag t LEFT JOIN pull p ON p.repository = t.repository AND p.digest = t.digest
       WHERE t.repository = ? ORDER BY t.name`,
      [id],
    ),
    rowsOf<ManifestRow>(
      metadata,
      `SELECT m.digest, m.pushed_ms AS "pushedMs", m.subject, p.pulled_ms AS "pulledMs"
       FROM manifest m LEFT JOIN pull p ON p.repository = m.repository AND p.digest = m.digest
       WHERE m.repository = ? ORDER BY m.digest`,
      [id],
    ),
    rowsOf<{ digest: Digest; manifest: Digest }>(
      metadata,
      `SELECT n.digest, n.manifest FROM need n
       JOIN manifest m ON m.repository = n.repository AND m.digest = n.digest
       WHERE n.repository = ?`,
      [id],
    ),
  ])
  const namedBy = new Map<Digest, Digest[]>()
  for (const { digest, manifest } of names)
    namedBy.set(digest, [...(namedBy.get(digest) ?? []), manifest])
  return {
    repository,
    tags: tags.map((tag) => ({ ...tag, pulledMs: tag.pulledMs ?? undefined })),
    manifests: manifests.map(
      ({ pulledMs, subject, ...row }): ManifestFacts => ({
        ...row,
        pulledMs: pulledMs ?? undefined,
        subject: subject ?? undefined,
        namedBy: namedBy.get(row.digest) ?? [],
      }),
    ),
  }
}

interface Recycling {
  readonly id: number
  readonly facts: RepositoryFacts
  readonly verdict: Verdict
  readonly nowMs: number
}

/** Whether it went: what changed since it was judged stays. */
async function recycle({ metadata }: Storage, job: Recycling): Promise<boolean> {
  const { facts, verdict } = job
  const { tag: name, digest } = verdict
  const tag = facts.tags.find((one) => one.name === name)
  const manifest = facts.manifests.find((one) => one.digest === digest)
  if (name !== undefined && tag !== undefined) return await done(metadata, tagGoes(job, tag))
  return manifest !== undefined && (await done(metadata, manifestGoes(job, manifest)))
}

/** Runs statements of which the last gives a row when something went. */
async function done(
  metadata: Storage['metadata'],
  statements: readonly Statement[],
): Promise<boolean> {
  return ((await metadata.batch(statements)).at(-1)?.length ?? 0) > 0
}

function tagGoes({ id, verdict, nowMs }: Recycling, tag: TagFacts): readonly Statement[] {
  const where = 'repository = ? AND name = ? AND digest = ? AND moved_ms = ?'
  const values = [id, tag.name, tag.digest, tag.movedMs]
  return [
    { text: `SELECT 1 FROM tag WHERE ${where} FOR UPDATE`, values, postgresOnly: true },
    {
      text: `INSERT INTO recycled_tag
        SELECT repository, name, digest, moved_ms, CAST(? AS BIGINT), CAST(? AS TEXT)
        FROM tag WHERE ${where}
        ON CONFLICT (repository, name, digest)
        DO UPDATE SET recycled_ms = excluded.recycled_ms, reason = excluded.reason`,
      values: [nowMs, reasonInBin(verdict.reason), ...values],
    },
    { text: `DELETE FROM tag WHERE ${where} RETURNING name`, values },
  ]
}

function manifestGoes(
  { id, verdict, nowMs }: Recycling,
  manifest: ManifestFacts,
): readonly Statement[] {
  const { digest, pushedMs } = manifest
  const where = `repository = ? AND digest = ? AND pushed_ms = ?
    AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository = manifest.repository
      AND t.digest = manifest.digest)
    AND NOT EXISTS (SELECT 1 FROM need n JOIN manifest i
      ON i.repository = n.repository AND i.digest = n.manifest
      WHERE n.repository = manifest.repository AND n.digest = manifest.digest)`
  const values = [id, digest, pushedMs]
  return [
    {
      text: 'SELECT 1 FROM manifest WHERE repository = ? AND digest = ? FOR UPDATE',
      values: [id, digest],
      postgresOnly: true,
    },
    {
      text: `INSERT INTO recycled_manifest
        SELECT repository, digest, media_type, subject, artifact_type, descriptor, pushed_ms,
          CAST(? AS BIGINT), CAST(? AS TEXT)
        FROM manifest WHERE ${where}
        ON CONFLICT (repository, digest)
        DO UPDATE SET recycled_ms = excluded.recycled_ms, reason = excluded.reason`,
      values: [nowMs, reasonInBin(verdict.reason), ...values],
    },
    { text: `DELETE FROM manifest WHERE ${where} RETURNING digest`, values },
  ]
}
