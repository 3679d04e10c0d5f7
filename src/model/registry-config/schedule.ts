/**
 * When something is due: every so long, or by five fields as cron has them, in UTC.
 *
 * Source: crontab(5): minute, hour, day of month, month, day of week; lists, ranges and steps. When
 * both days are restricted, either makes a match.
 */
import { AppError } from '#kernel/index.ts'

export type Schedule =
  | { readonly kind: 'every'; readonly ms: number }
  | { readonly kind: 'cron'; readonly fields: CronFields }

interface CronFields {
  readonly minutes: ReadonlySet<number>
  readonly hours: ReadonlySet<number>
  readonly days: ReadonlySet<number>
  readonly months: ReadonlySet<number>
  readonly weekdays: ReadonlySet<number>
  /** Whether a day of the month, and of the week, was named. */
  readonly restricted: { readonly days: boolean; readonly weekdays: boolean }
}

const minuteMs = 60_000
const dayMs = 86_400_000
/** 29 February may be eight years away. */
const daysAheadMax = 366 * 8 + 2

/** @throws AppError `model/bad-schedule` */
export function parseCron(text: string): CronFields {
  const parts = text.trim().split(/\s+/)
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = parts
  if (parts.length !== 5) throw badCron(text, 'it has not five fields')
  const field = (part: string, least: number, most: number) => fieldOf(part, { least, most, text })
  const weekdays = field(weekday, 0, 7)
  return {
    minutes: field(minute, 0, 59),
    hours: field(hour, 0, 23),
    days: field(day, 1, 31),
    months: field(month, 1, 12),
    weekdays: new Set([...weekdays].map((one) => one % 7)),
    restricted: { days: !day.startsWith('*'), weekdays: !weekday.startsWith('*') },
  }
}

/** The first time after `afterMs`; undefined when there is none, as for 31 February. */
export function nextRunMs(schedule: Schedule, afterMs: number): number | undefined {
  if (schedule.kind === 'every') return afterMs + schedule.ms
  const { fields } = schedule
  const startMs = (Math.floor(afterMs / minuteMs) + 1) * minuteMs
  const firstDay = Math.floor(startMs / dayMs)
  for (let day = firstDay; day <= firstDay + daysAheadMax; day += 1) {
    if (!fitsDay(fields, new Date(day * dayMs))) continue
    for (const hour of ascending(fields.hours))
      for (const minute of ascending(fields.minutes)) {
        const atMs = day * dayMs + (hour * 60 + minute) * minuteMs
        if (atMs >= startMs) return atMs
      }
  }
  return undefined
}

function fitsDay({ days, months, weekdays, restricted }: CronFields, date: Date): boolean {
  if (!months.has(date.getUTCMonth() + 1)) return false
  const byDate = days.has(date.getUTCDate())
  const byWeekday = weekdays.has(date.getUTCDay())
  return restricted.days && restricted.weekdays ? byDate || byWeekday : byDate && byWeekday
}

function ascending(numbers: ReadonlySet<number>): readonly number[] {
  return [...numbers].toSorted((a, b) => a - b)
}

function fieldOf(
  part: string,
  { least, most, text }: { least: number; most: number; text: string },
): ReadonlySet<number> {
  const found = new Set<number>()
  for (const item of part.split(',')) {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(item)
    if (match === null) throw badCron(text, `'${item.slice(0, 20)}' is no number, range or step`)
    const [, from, to, step] = match
    const first = from === undefined ? least : Number(from)
    const last = to !== undefined ? Number(to) : from === undefined || step ? most : first
    const by = step === undefined ? 1 : Number(step)
    if (first < least || last > most || first > last || by === 0)
      throw badCron(text, `'${item}' is not within ${least}-${most}`)
    for (let at = first; at <= last; at += by) found.add(at)
  }
  return found
}

function badCron(text: string, why: string): AppError {
  return new AppError('model/bad-schedule', `'${text.slice(0, 80)}' is not a schedule: ${why}`, {
    hints: ['Write five fields as cron has them, such as `30 3 * * 1-5`, or `every: 6h`.'],
  })
}
