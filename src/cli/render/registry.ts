/** How results about accounts and the audit log of a registry look. */
import type { AuditRecord, AuditVerdict, RegistryAccount } from '#app/index.ts'
import { count, printable } from '../human.ts'
import type { Page } from '../page.ts'
import { table } from '../table.ts'

export function createdText(
  account: RegistryAccount & { readonly secret?: string },
  { paint }: Page,
): string {
  const { name, kind, secret } = account
  const until = account.expiresMs === undefined ? 'never' : day(account.expiresMs)
  const made = `The ${kind} ${paint.bold(name)} may ${mayText(account)}; it expires: ${until}`
  if (secret === undefined) return made
  const what = kind === 'user' ? 'password' : 'token'
  return [made, '', secret, '', paint.dim(`This ${what} is not kept and not shown again.`)].join(
    '\n',
  )
}

export function accountsText(accounts: readonly RegistryAccount[], { paint }: Page): string {
  if (accounts.length === 0) return 'There are none.'
  const columns = [{ title: 'NAME' }, { title: 'MADE' }, { title: 'EXPIRES' }, { title: 'MAY' }]
  const rows = accounts.map((account) => [
    account.name,
    day(account.createdMs),
    account.expiresMs === undefined ? 'never' : day(account.expiresMs),
    mayText(account),
  ])
  return table(columns, rows, paint.dim)
}

export function revokedText({ revoked }: { readonly revoked: string }, { paint }: Page): string {
  return `${paint.bold(revoked)} is revoked, with every bearer token that it was given.`
}

export function auditText(records: readonly AuditRecord[], page: Page): string {
  if (records.length === 0) return 'Nothing is recorded.'
  const titles = ['SEQ', 'WHEN', 'WHO', 'WHAT', 'OUTCOME', 'REPOSITORY', 'SUBJECT', 'FROM']
  const rows = records.map((record) =>
    [
      `${record.seq}`,
      new Date(record.atMs).toISOString().slice(0, 19).replace('T', ' '),
      record.who,
      record.action,
      record.outcome,
      record.repository,
      record.subject,
      record.source,
    ].map(printable),
  )
  const text = table(
    titles.map((title) => ({ title })),
    rows,
    (line) => line,
  )
  const [head = '', ...lines] = text.split('\n').map(page.cut)
  return [page.paint.dim(head), ...lines].join('\n')
}

export function verdictText(verdict: AuditVerdict, { paint }: Page): string {
  if (verdict.kind === 'broken')
    return `${paint.red('broken')}: record ${verdict.seq} of the audit log: ${verdict.why}`
  const { seq, hash } = verdict.head
  return [
    `All of ${count(seq, 'record')} are as they were written.`,
    paint.dim(`Note the head elsewhere, for --head: ${seq}:${hash}`),
  ].join('\n')
}

function mayText({ grants }: RegistryAccount): string {
  return grants
    .map(({ repositories, actions }) => `${actions.join(', ')} ${repositories.join(', ')}`)
    .join('; ')
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
