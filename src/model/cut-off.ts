/**
 * Points in time up to which releases are looked at, as people write them: a day, a time, an age.
 *
 * Invariant: a day is meant whole and in UTC, so that it means the same everywhere; an age counts
 * back from the moment of solving. Units longer than a week are left out, because months and years
 * have no length.
 */
import { AppError } from '#kernel/index.ts'

const day = /^\d{4}-\d{2}-\d{2}$/
const instant = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/
const age = /^(\d{1,5}) ?(h|hours?|d|days?|w|weeks?)$/
const isoAge = /^P(\d{1,5})([DW])$/

const secondsOf = { h: 3600, d: 86_400, w: 604_800 } as const

/**
 * The last second, since 1970, that a cut-off lets in.
 * @param nowMs What ages count back from.
 * @throws AppError `model/bad-date`
 */
export function cutOffAt(text: string, nowMs: number): number {
  const written = text.trim()
  const [, count, unit = ''] = age.exec(written) ?? isoAge.exec(written) ?? []
  if (count !== undefined) return Math.floor(nowMs / 1000) - Number(count) * secondsIn(unit)
  const time = timeOf(written)
  if (time === undefined) throw badDate(text)
  return time
}

/** Whether a text is a cut-off. @throws AppError `model/bad-date` */
export function checkCutOff(text: string): string {
  cutOffAt(text, 0)
  return text.trim()
}

function secondsIn(unit: string): number {
  const first = unit.toLowerCase().charAt(0)
  return first === 'h' || first === 'd' || first === 'w' ? secondsOf[first] : 0
}

function timeOf(text: string): number | undefined {
  if (!day.test(text) && !instant.test(text)) return undefined
  const time = Date.parse(day.test(text) ? `${text}T23:59:59Z` : text)
  // Some days that no month has are read as the first days of the next one.
  const isReal = new Date(Date.parse(`${text.slice(0, 10)}T00:00:00Z`))
  if (Number.isNaN(time) || Number.isNaN(isReal.getTime())) return undefined
  return isReal.toISOString().startsWith(text.slice(0, 10)) ? Math.floor(time / 1000) : undefined
}

function badDate(text: string): AppError {
  return new AppError('model/bad-date', `'${text.slice(0, 80)}' is neither a date nor an age`, {
    hints: ["Write a day, a time or an age: '2026-01-31', '2026-01-31T12:00:00Z', '14d', '2w'."],
  })
}
