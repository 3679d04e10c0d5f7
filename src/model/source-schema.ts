/**
 * The shape of `versions:` in backlot.yaml: where the bytes of each version come from.
 *
 * Invariant: every source is named by a hash, except a folder beside the file.
 */
import { z } from 'zod'
import type { Patch, Source, VersionEntry } from './recipe.ts'
import {
  count,
  epoch,
  flag,
  formed,
  innerPath,
  oneOrMany,
  readBy,
  relativePath,
  sha256,
  text,
} from './scalars.ts'
import { parseVersion } from './version.ts'
import { conditional, guarded } from './when-schema.ts'

const webUrl = formed(/^https?:\/\/[^\s/@]+\/\S*$/, 'is not an http or https URL').refine(
  (url) => URL.canParse(url),
  'is not a URL',
)
const gitUrlForm = /^(?:(?:https?|ssh|git|file):\/\/|[A-Za-z0-9_.]+@)[^\s-]\S*$/
const gitUrl = formed(gitUrlForm, 'is not a URL of a git repository')

/** Whether a recipe could name a repository so; nothing else is given to git. */
export function isGitUrl(url: string): boolean {
  return gitUrlForm.test(url)
}
const unpacking = { strip: count.optional(), into: innerPath.optional() }

/** The members that are left when nothing is undefined. */
function into(folder: string | undefined): { readonly into?: string } {
  return folder === undefined ? {} : { into: folder }
}

const urlSource = z
  .strictObject({
    url: webUrl,
    sha256,
    'deb-src': formed(/^[a-z0-9][a-z0-9+.-]+$/, 'is not a Debian source package').optional(),
    ...unpacking,
  })
  .transform((entry): Source => {
    const { url, strip = 1, 'deb-src': debSrc } = entry
    const deb = debSrc === undefined ? {} : { debSrc }
    return { kind: 'url', url, sha256: entry.sha256, ...deb, strip, ...into(entry.into) }
  })

const pathSource = z
  .strictObject({ path: relativePath, into: innerPath.optional() })
  .transform((entry): Source => ({ kind: 'path', path: entry.path, strip: 0, ...into(entry.into) }))

const gitSource = z
  .strictObject({
    git: gitUrl,
    commit: formed(/^[0-9a-f]{40}$/, 'is not a commit: 40 hexadecimal digits'),
    submodules: flag.optional(),
    into: innerPath.optional(),
  })
  .transform(
    ({ git, commit, submodules = false, ...entry }): Source => ({
      kind: 'git',
      git,
      commit,
      submodules,
      strip: 0,
      ...into(entry.into),
    }),
  )

const pypiSource = z
  .strictObject({
    pypi: formed(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'is not a name of a Python project'),
    version: formed(/^[A-Za-z0-9][A-Za-z0-9._+!-]*$/, 'is not a version').optional(),
    sha256,
    ...unpacking,
  })
  .transform((entry): Source => {
    const { pypi, strip = 1, version } = entry
    const exact = version === undefined ? {} : { version }
    return { kind: 'pypi', pypi, ...exact, sha256: entry.sha256, strip, ...into(entry.into) }
  })

const patch = z
  .union([
    innerPath.transform((path) => ({ path, strip: 1, when: undefined })),
    conditional({ path: innerPath, strip: count.default(1) }),
  ])
  .transform((entry): Patch => {
    const { path, strip } = entry
    return { path, strip, ...guarded(entry.when) }
  })

/** One entry of `versions`. */
export const versionEntry = z
  .strictObject({
    version: readBy((value) => parseVersion(value)),
    source: oneOrMany(z.union([urlSource, pathSource, gitSource, pypiSource])),
    patches: z.array(patch).default([]),
    epoch: epoch.optional(),
    released: epoch.optional().describe('When it was released: 2022-10-14.'),
    deprecated: text.optional().describe('Why it is taken only where nothing else fits.'),
  })
  .transform(
    ({ version, source, patches, epoch: seconds, released, deprecated }): VersionEntry => ({
      version,
      sources: source,
      patches,
      ...(seconds !== undefined && { epoch: seconds }),
      ...(released !== undefined && { released }),
      ...(deprecated !== undefined && { deprecated }),
    }),
  )

/** Package names of distributions, safe as arguments of their installers. */
export const distributionPackage = formed(
  /^[A-Za-z0-9][A-Za-z0-9+._:-]*$/,
  'is not a name of a package of a distribution',
)
