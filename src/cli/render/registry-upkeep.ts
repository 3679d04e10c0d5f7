/** How results about what a registry keeps look. */
import type {
  CheckReport,
  Damage,
  MigrateReport,
  RecycledItem,
  RestoreReport,
  TidyReport,
  UsageReport,
} from '#app/index.ts'
import { count, printable, size } from '../human.ts'
import type { Page } from '../page.ts'
import { table } from '../table.ts'

export function tidyText({ retention, collection }: TidyReport, { paint }: Page): string {
  const { dryRun } = collection
  const verdicts = retention.verdicts.map(({ repository, tag, digest, keep, reason }) => {
    const name = tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`
    return `${keep ? paint.dim('keeps') : paint.yellow(dryRun ? 'would go' : 'went')}  ${printable(name)}  ${paint.dim(reason)}`
  })
  const tags = count(retention.removedTags, 'tag')
  const manifests = count(retention.removedManifests, 'manifest')
  const { removedBlobs, freedBytes, purgedManifests } = collection
  return [
    ...verdicts,
    `${dryRun ? 'Would put' : 'Put'} ${tags} and ${manifests} in the bin`,
    paint.bold(
      `${dryRun ? 'Would free' : 'Freed'} ${size(freedBytes)}: ${count(removedBlobs, 'blob')}, ${count(purgedManifests, 'manifest')} from the bin`,
    ),
  ].join('\n')
}

export function usageText(report: UsageReport, { paint }: Page): string {
  const right = ['REPOSITORIES', 'TAGS', 'MANIFESTS', 'BLOBS', 'BYTES', 'OWN', 'SHARED']
  const columns = [
    { title: 'NAMESPACE' },
    ...right.map((title) => ({ title, align: 'right' as const })),
  ]
  const rows = report.namespaces.map((one) => [
    one.namespace,
    `${one.repositories}`,
    `${one.tags}`,
    `${one.manifests}`,
    `${one.blobs}`,
    size(one.bytes),
    size(one.ownBytes),
    size(one.sharedBytes),
  ])
  const stored = `${size(report.storedBytes)} stored in ${count(report.storedBlobs, 'blob')}`
  return [table(columns, rows, paint.dim), paint.bold(stored)].join('\n')
}

export function checkText(report: CheckReport, { paint }: Page): string {
  const checked = `${count(report.blobs, 'blob')} (${size(report.bytes)}) and ${count(report.manifests, 'manifest')}`
  if (report.damage.length === 0) return `${checked} checked, all of them sound`
  const lines = report.damage.map((one) => ` ${paint.red('✗')} ${damageText(one)}`)
  const after = report.repaired
    ? 'Orphans and what cannot be served are removed; push what is missing or damaged again.'
    : 'What is missing or damaged does not answer until it is pushed again; --repair removes orphans.'
  return [
    ...lines,
    paint.bold(`${checked} checked, ${report.damage.length} with damage`),
    after,
  ].join('\n')
}

function damageText(damage: Damage): string {
  switch (damage.kind) {
    case 'orphaned':
      return `orphaned: ${damage.digest} (${size(damage.bytes)})`
    case 'dangling manifest':
      return `dangling: ${damage.repository}@${damage.manifest} names ${damage.digest}`
    case 'dangling tag':
      return `dangling: ${damage.repository}:${damage.tag} names no manifest`
    default:
      return `${damage.kind}: ${damage.digest} of ${damage.repositories.join(', ') || 'nobody'}`
  }
}

export function recycledText(items: readonly RecycledItem[], { paint }: Page): string {
  if (items.length === 0) return 'The bin is empty.'
  const columns = [{ title: 'REFERENCE' }, { title: 'DELETED' }, { title: 'WHY' }]
  const rows = items.map(({ repository, tag, digest, recycledMs, reason }) => [
    tag === undefined ? `${repository}@${digest}` : `${repository}:${tag}`,
    new Date(recycledMs).toISOString().slice(0, 16).replace('T', ' '),
    printable(reason),
  ])
  return table(columns, rows, paint.dim)
}

export function restoredText({ manifests, tags }: RestoreReport): string {
  if (manifests.length + tags.length === 0)
    return 'Nothing was restored: it is not in the bin, or the tag names something else by now.'
  return `Restored ${count(manifests.length, 'manifest')} and ${count(tags.length, 'tag')}${tags.length === 0 ? '' : `: ${tags.join(', ')}`}`
}

export function migrateText(report: MigrateReport, { paint }: Page): string {
  const all = [
    count(report.repositories, 'repository', 'repositories'),
    count(report.manifests, 'manifest'),
    count(report.tags, 'tag'),
    count(report.blobs, 'blob'),
    count(report.recycled, 'entry in the bin', 'entries in the bin'),
    count(report.accounts, 'account'),
    count(report.auditRecords, 'audit record'),
  ].join(', ')
  const copied = `${size(report.copiedBytes)} in ${count(report.copiedBlobs, 'blob')} copied now`
  const left = count(report.uploadsLeft, 'upload')
  const behind = report.uploadsLeft === 0 ? '' : `\n${left} in progress not copied: pushed anew`
  return `${paint.bold(all)}; ${copied}, each checked against its digest; both sides agree${behind}`
}
