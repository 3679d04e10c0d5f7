/** Options that commands on Rez repositories share. */
import { InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { AppError, systemClock } from '#kernel/index.ts'
import { cutOffAt } from '#model/index.ts'

/** What only an environment of backlot.yaml has. */
const ofProjects = ['environment', 'locked', 'frozen', 'launch', 'scratch']

/** Made anew for each command, because a command keeps what it is given. */
export const rezOptions = {
  repositories: () =>
    new Option('--rez [path]', 'a Rez repository; of several the first wins')
      .argParser(collected)
      .conflicts(ofProjects),
  requests: () =>
    new Option('-r, --request <requests>', 'Rez packages: maya-2024,usd (may be repeated)')
      .argParser(requests)
      .conflicts(ofProjects),
  implicit: () =>
    new Option('--implicit <requests>', 'instead of ~platform, ~arch and ~os').argParser(requests),
  before: () =>
    new Option('--before <date>', 'ignore packages released after this date').argParser(
      releaseTime,
    ),
  config: () =>
    new Option('--config <file>', 'settings of Rez: a rezconfig.py or .yaml').argParser(collected),
  exclude: () =>
    new Option('--exclude <rule>', 'a package filter: *.beta, foo-1+<2, …').argParser(collected),
  include: () =>
    new Option('--include <rule>', 'an exception from package filters').argParser(collected),
}

/** The packages that are asked for, where and how. */
export function rezChoice(options: {
  readonly rez?: true | readonly string[] | undefined
  readonly request?: readonly string[] | undefined
  readonly implicit?: readonly string[] | undefined
  readonly before?: number | undefined
  readonly config?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
  readonly include?: readonly string[] | undefined
}) {
  const { rez, request = [], implicit, before, config, exclude, include } = options
  const repositories = rez === true ? [] : rez
  return { repositories, request, implicit, before, config, exclude, include }
}

function collected(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text]
}

function requests(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...requestsOf(text)]
}

/** Requirements with commas between; a comma before a bound belongs to a range. */
function requestsOf(text: string): string[] {
  return text.split(/\s+|,(?![<>=\s]|$)/).filter((one) => one !== '')
}

/** Seconds since 1970, of what `lock --before` takes too. @throws InvalidArgumentError */
function releaseTime(text: string): number {
  if (/^\d{1,11}$/.test(text)) return Number(text)
  try {
    return cutOffAt(text, systemClock.nowMs())
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new InvalidArgumentError('It must be 2026-01-31, a time, 14d, or seconds since 1970.')
  }
}
