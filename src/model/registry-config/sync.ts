/** `sync:` of registry.yaml: what is copied between registries on a schedule. */
import { z } from 'zod'
import { count, flag, formed, oneOrMany, readBy, text } from '../scalars.ts'
import { account, durationMs, repositoryName, tagPattern } from './scalars.ts'
import { parseCron } from './schedule.ts'

/** A host with a dot or a port comes first when the place is not this server. */
const host = '(?:localhost|[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+(?=:))(?::[0-9]{1,5})?'
const place = formed(
  new RegExp(`^(?:${host}|(?:${host}/)?${repositoryName})$`),
  'is not a repository such as ghcr.io/org/name, or org/name for this server',
)
const isHost = new RegExp(`^${host}$`)
const repository = formed(new RegExp(`^${repositoryName}$`), 'is not a repository name')
const platform = formed(
  /^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?$/,
  'is not a platform such as linux/amd64',
)
/** What npm calls a range; Bun takes what it cannot read for one that everything fits. */
const version = 'v?(?:[xX*]|\\d+)(?:\\.(?:[xX*]|\\d+)){0,2}(?:[-+][0-9A-Za-z.+-]+)?'
const comparator = `(?:(?:[<>]=?|=|\\^|~>?)\\s*)?${version}`
const comparators = `(?:${version}\\s+-\\s+${version}|${comparator}(?:\\s+${comparator})*)`
const semver = formed(
  new RegExp(`^${comparators}(?:\\s*\\|\\|\\s*${comparators})*$`),
  'is not a range of versions such as >=2.0 <4, ^1.2 or 1.x',
)
const regex = text
  .refine(isRegExp, 'is not a regular expression')
  .transform((one) => new RegExp(one, 'u'))

const list = z
  .strictObject({
    from: place.describe('Where from: HOST/REPOSITORY, or a repository of this server.'),
    to: place.describe('Where to, in the same way.'),
    repositories: oneOrMany(repository)
      .default([])
      .describe('Names below both; none: `from` and `to` are repositories themselves.'),
    tags: oneOrMany(tagPattern).default([]).describe('Patterns of tags: 2025*, latest. None: all.'),
    semver: semver.optional().describe('A range that tags must be in, as npm writes it: >=2.0 <4.'),
    regex: regex.optional().describe('A regular expression that tags must match somewhere.'),
    except: oneOrMany(tagPattern).default([]).describe('Patterns of tags that are left out.'),
    newest: count.optional().describe('Only the newest so many of the tags that fit.'),
    platforms: oneOrMany(platform)
      .default([])
      .describe('Of images for several platforms, copy these: linux/amd64. None: all.'),
    referrers: flag.default(false).describe('Copy signatures and SBOMs with what they are about.'),
    delete: flag
      .default(false)
      .describe('Delete tags at the target that are not at the source any more.'),
    every: durationMs
      .refine((ms) => ms >= 60_000, 'is less than a minute')
      .optional()
      .describe('How often `backlot serve` does it: 6h.'),
    cron: readBy(parseCron).optional().describe('Or when, by five fields in UTC: 30 3 * * 1-5.'),
    'from-account': account.optional().describe('Who asks at the source.'),
    'to-account': account.optional().describe('Who writes at the target.'),
    'plain-http': oneOrMany(text).default([]).describe('Hosts that are spoken to without TLS.'),
  })
  .refine(
    ({ from, to, repositories }) =>
      repositories.length > 0 || [from, to].every((one) => !isHost.test(one)),
    'names a whole registry and no `repositories` of it',
  )
  .refine(
    ({ every, cron }) => every === undefined || cron === undefined,
    'has both `every` and `cron`',
  )

export const syncSection = z.record(
  formed(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'is not a name of a list, such as aswf-images'),
  list,
)

function isRegExp(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u') instanceof RegExp
  } catch {
    return false
  }
}
