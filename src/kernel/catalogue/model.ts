/** Error codes of the area `model`. */
import type { ErrorMeaning } from './meaning.ts'

export const modelErrors = {
  'model/bad-name': {
    exit: 2,
    status: 400,
    text: 'A package, option or environment name has characters that names do not have. Package names start with a lower-case letter and hold lower-case letters, digits, `.`, `_` and `-`.',
  },
  'model/bad-version': {
    exit: 2,
    status: 400,
    text: 'A version is not made of letters, digits and `_`, separated by single `.` or `-` (`3.1.6`, `2.1.0-rc1`).',
  },
  'model/bad-range': {
    exit: 2,
    status: 400,
    text: 'A version range cannot be read, or holds no version at all (`>=3,<2`). docs/formats/ranges.md lists every form.',
  },
  'model/bad-requirement': {
    exit: 2,
    status: 400,
    text: 'A requirement is not a package name with an optional range (`imath`, `imath >=3.1,<4`, `!openexr 2`, `~numpy >=1.26`, `openexr[python=true] 3.1`).',
  },
  'model/bad-date': {
    exit: 2,
    status: 400,
    text: 'A point in time up to which releases are looked at is neither a day (`2026-01-31`), nor a time (`2026-01-31T12:00:00Z`), nor an age in hours, days or weeks (`36h`, `14d`, `2w`).',
  },
  'model/unknown-platform': {
    exit: 2,
    status: 404,
    text: 'There is no VFX Reference Platform of that year in this Backlot. `backlot list --platforms` names those that there are.',
  },
  'model/unknown-target': {
    exit: 2,
    status: 400,
    text: 'A target is not one of those that Backlot knows (`linux-x86_64`, `linux-aarch64`, `macos-arm64`, `macos-x86_64`, `windows-x86_64`).',
  },
  'model/unknown-version': {
    exit: 2,
    status: 404,
    text: 'A recipe does not list the version that was asked for. Add it to `versions` in its backlot.yaml, with the hash of its source.',
  },
  'model/bad-option': {
    exit: 2,
    status: 400,
    text: 'An option is not declared by the recipe, or its value is not one that the recipe allows.',
  },
  'model/bad-file': {
    exit: 2,
    status: 400,
    text: 'A backlot.yaml cannot be used as it is: its YAML is broken, a key is unknown or missing, or a value does not fit. The message has the line and column.',
  },
  'model/bad-lockfile': {
    exit: 2,
    status: 400,
    text: 'A lockfile cannot be read: it was edited by hand, cut short, has merge markers, or was written by a newer Backlot. Bring back an earlier one, or remove it: `backlot lock` then writes it anew.',
  },
  'model/bad-build': {
    exit: 1,
    status: 400,
    text: 'The configuration of a build, which describes a package in a registry or store, does not have the form of docs/formats/build.md. It was made by something else or by a newer Backlot.',
  },
  'model/bad-schedule': {
    exit: 2,
    status: 400,
    text: 'A schedule is not five fields (minute, hour, day of month, month, day of week) as cron has them.',
  },
} as const satisfies Record<`model/${string}`, ErrorMeaning>
