/**
 * What of a request belongs into the audit log: changes, and refusals to somebody who is known.
 *
 * Invariant: a change is recorded, durably, before its answer is sent. What strangers ask for in
 * vain is not recorded, or they could fill the disk; log-ins that fail are, and their number is
 * bounded (`failures.ts`).
 */
import type { AppError } from '#kernel/index.ts'
import type { AuditEvent, Principal } from '#oci/index.ts'
import type { Target } from './paths.ts'

export interface Deed {
  readonly principal: Principal
  readonly target: Target
  readonly request: Request
  readonly query: URLSearchParams
  /** Where it comes from; asked for only when there is something to record. */
  readonly address: () => string
}

/** The record of a request that was answered; undefined when it changed nothing. */
export function changeOf(deed: Deed, answer: Response): AuditEvent | undefined {
  if (!answer.ok) return undefined
  const action = actionName(deed, answer.status)
  if (action === undefined) return undefined
  return { ...common(deed), action, subject: subjectOf(deed, answer), outcome: 'done' }
}

/** The record of a request that was refused by a rule. */
export function refusalOf(deed: Deed, error: AppError): AuditEvent | undefined {
  if (deed.principal.kind === 'anonymous' || !recordedRefusals.has(error.code)) return undefined
  const action = `${deed.target.kind}.${deed.request.method.toLowerCase()}`
  const { target } = deed
  const subject = 'reference' in target ? target.reference : 'digest' in target ? target.digest : ''
  return { ...common(deed), action, subject: legible(subject, 300), outcome: error.code }
}

/** The record of a name and a password that do not belong together. */
export function failedLogin(username: string, address: string): AuditEvent {
  return {
    who: legible(username, 100),
    kind: 'unknown',
    action: 'login',
    repository: '',
    subject: '',
    source: address,
    outcome: 'oci/unauthorized',
  }
}

const recordedRefusals: ReadonlySet<string> = new Set([
  'oci/denied',
  'oci/over-quota',
  'oci/tag-immutable',
])

function common({ principal, target, address }: Deed) {
  const repository = 'name' in target ? target.name : ''
  return { who: legible(principal.name, 200), kind: principal.kind, repository, source: address() }
}

function actionName({ target, request, query }: Deed, status: number): string | undefined {
  switch (target.kind) {
    case 'manifest': {
      if (request.method === 'PUT') return 'manifest.push'
      const byDigest = target.reference.includes(':')
      return request.method === 'DELETE' ? `${byDigest ? 'manifest' : 'tag'}.delete` : undefined
    }
    case 'blob':
      return request.method === 'DELETE' ? 'blob.delete' : undefined
    case 'uploads':
    case 'upload':
      if (status !== 201) return undefined
      return query.has('mount') ? 'blob.mount' : 'blob.push'
    default:
      return undefined
  }
}

function subjectOf({ target, query }: Deed, answer: Response): string {
  const digest = answer.headers.get('docker-content-digest')
  if (target.kind !== 'manifest') return digest ?? ('digest' in target ? target.digest : '')
  const { reference } = target
  const tags = [...(reference.includes(':') ? [] : [reference]), ...query.getAll('tag')]
  return [...tags, ...(digest === null ? [] : [digest])].join(' ') || reference
}

function legible(text: string, charactersMax: number): string {
  return text.replaceAll(/[^\P{C}]/gu, '?').slice(0, charactersMax)
}
