/** How results about the machine and the store look. */
import type { DoctorCheck, GcResult, VerifyResult } from '#app/index.ts'
import { count, padded, size, width } from '../human.ts'
import type { Page } from '../page.ts'
import { aligned } from '../table.ts'

export function doctorText(checks: readonly DoctorCheck[], page: Page): string {
  const { paint } = page
  const hints = [
    ...new Set(checks.flatMap(({ state, hint }) => (state === 'ok' ? [] : (hint ?? [])))),
  ]
  const missing = checks.filter(isLack).length
  return [
    checkLines(checks, page),
    missing === 0
      ? paint.bold('This machine has what Backlot needs')
      : paint.bold(`${count(missing, 'thing is', 'things are')} missing`),
    ...hints.map((hint) => `  ${paint.cyan('hint')}: ${hint}`),
  ].join('\n')
}

/** On a narrow terminal what is there is told without what it is for. */
function checkLines(checks: readonly DoctorCheck[], { paint, fit }: Page): string {
  const marks = { ok: paint.green('✓'), missing: paint.red('✗'), limited: paint.yellow('!') }
  const rows = checks.map((check) => {
    const mark = check.required || check.state !== 'missing' ? marks[check.state] : marks.limited
    return [` ${mark} ${check.name}`, check.found, paint.dim(check.purpose)] as const
  })
  const whole = aligned(rows)
  if (whole.split('\n').every((line) => fit(line, 0) === line)) return whole
  const names = Math.max(0, ...rows.map(([name]) => width(name)))
  return rows
    .map(([name, found, purpose], at) => {
      const rest = checks[at]?.state === 'ok' ? found : `${found}, for ${purpose}`
      return fit(`${padded(name, names)}  ${rest}`, names + 2)
    })
    .join('\n')
}

/** Whether something central does not work for want of it. */
export function isLack(check: DoctorCheck): boolean {
  return check.required && check.state === 'missing'
}

export function gcText(result: GcResult): string {
  const { removedBlobs, removedFiles, removedViews, keptBlobs } = result
  const parts = [
    count(removedBlobs, 'blob'),
    count(removedFiles, 'file'),
    count(removedViews, 'view'),
  ].join(', ')
  return `${freed(result)}: ${parts}; ${count(keptBlobs, 'blob')} kept`
}

export function cleanText(result: GcResult): string {
  const parts = [count(result.removedFiles, 'file'), count(result.removedViews, 'view')].join(', ')
  return `${freed(result)}: ${parts}`
}

export function verifyText(result: VerifyResult, { paint }: Page): string {
  const checked = `${count(result.checkedBlobs, 'blob')} and ${count(result.checkedFiles, 'file')}`
  if (result.corrupt.length === 0) return `${checked} checked, all of them sound`
  const lines = result.corrupt.map(({ name, detail }) => `  ${name}  ${detail}`)
  const next = result.repaired
    ? 'They were removed; the next command fetches or builds them again'
    : 'Run `backlot store verify --repair` to remove them, so that they are made again'
  const verb = result.corrupt.length === 1 ? 'is' : 'are'
  const sentence = `${result.corrupt.length} of ${checked} ${verb} corrupt`
  return [paint.red(sentence), ...lines, next].join('\n')
}

function freed({ dryRun, freedBytes }: GcResult): string {
  return `${dryRun ? 'Would free' : 'Freed'} ${size(freedBytes)}`
}
