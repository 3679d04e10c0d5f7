/** Options that commands on Rez repositories share. */
import { InvalidArgumentError, Option } from '@commander-js/extra-typings'

/** Made anew for each command, because a command keeps what it is given. */
export const rezOptions = {
  repositories: () =>
    new Option('--rez <path>', 'a Rez repository; of several the first wins').argParser(
      (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
    ),
  requests: () =>
    new Option(
      '-r, --request <requests>',
      'Rez packages: maya-2024,usd (may be repeated)',
    ).argParser((text: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      ...requestsOf(text),
    ]),
  implicit: () =>
    new Option('--implicit <requests>', 'instead of Rez’s ~platform,~arch,~os').argParser(
      (text: string, before: readonly string[] | undefined) => [
        ...(before ?? []),
        ...requestsOf(text),
      ],
    ),
  before: () =>
    new Option('--before <date>', 'ignore packages released after this date').argParser(
      releaseTime,
    ),
}

/** Requirements with commas between; a comma before a bound belongs to a range. */
function requestsOf(text: string): string[] {
  return text.split(/\s+|,(?![<>=\s]|$)/).filter((one) => one !== '')
}

/** Seconds since 1970 of an ISO date or of a number of seconds. @throws InvalidArgumentError */
function releaseTime(text: string): number {
  const ms = /^\d{1,11}$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  if (!/^\d/.test(text) || Number.isNaN(ms))
    throw new InvalidArgumentError('It must be a date such as 2026-01-31, or seconds since 1970.')
  return ms / 1000
}
