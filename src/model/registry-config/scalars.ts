/**
 * Scalars of registry.yaml that backlot.yaml has not: durations, sizes, names, patterns, log-ins.
 *
 * Not here: scalars of both files (`../scalars.ts`).
 */
import { z } from 'zod'
import { formed, text } from '../scalars.ts'

const msOf: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const bytesOf: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

/** `30s`, `5m`, `12h`, `30d`, in milliseconds. */
export const durationMs = formed(
  /^[0-9]{1,9}(?:ms|s|m|h|d)$/,
  'is not a duration such as 30s, 5m, 12h or 30d',
).transform((value) => measured(value, msOf))

/** `64KiB`, `10GB`, a number of bytes. */
export const sizeBytes = formed(
  /^[0-9]{1,12}(?:\.[0-9]{1,3})?(?: ?(?:B|[kMGT]B|[KMGT]iB))?$/,
  'is not a size such as 64KiB, 500MB or 10GiB',
)
  .transform((value) => Math.round(measured(value, bytesOf)))
  .refine(Number.isSafeInteger, 'is more bytes than can be counted')

/**
 * A repository, or many: `*` stands for anything within one part of the name, `**` for any number
 * of parts.
 */
export const repositoryPattern = formed(
  /^(?:[a-z0-9._*-]+)(?:\/[a-z0-9._*-]+)*$/,
  'is not a pattern of repositories such as aswf/openexr, aswf/* or aswf/**',
).max(255, 'is too long')

/** One part of a repository's name, as the text of a regular expression. */
const namePart = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'

/** A repository's name, or the beginning of some. */
export const repositoryName = `${namePart}(?:/${namePart})*`

/** A tag, or many: `*` stands for anything. */
export const tagPattern = formed(
  /^[A-Za-z0-9_*][A-Za-z0-9._*-]{0,127}$/,
  'is not a pattern of tags such as v1.*, 2025* or *',
)

/** Who logs in at another registry. */
export const account = z.strictObject({
  username: text.describe('The name that is logged in with.'),
  'password-file': text.describe('File with the password or access token, on one line.'),
})

/** An http or https URL without credentials, query or fragment. */
export const httpUrl = formed(/^https?:\/\/[^\s/@?#]+(?:\/[^\s?#]*)?$/, 'is not an http(s) URL')

function measured(written: string, units: Readonly<Record<string, number>>): number {
  const [, number = '', unit = ''] = /^([0-9.]+) ?([A-Za-z]*)$/.exec(written) ?? []
  return Number(number) * (units[unit] ?? Number.NaN)
}
