/**
 * The shape of backlot.yaml as a whole.
 *
 * Not here: finding out where in the text a complaint belongs (`project.ts`).
 */
import { z } from 'zod'
import { checkCutOff } from './cut-off.ts'
import { findPlatform } from './platform.ts'
import type { Environment, Mirror } from './project.ts'
import { parseRequirement } from './requirement.ts'
import { packageSection } from './recipe-schema.ts'
import { anyText, formed, oneOrMany, readBy, relativePath, text, variableName } from './scalars.ts'
import { parseTarget } from './target.ts'

const environmentName = formed(
  /^[a-z0-9][a-z0-9._-]{0,63}$/,
  'is not a name of an environment: lower case, digits, `.`, `_` and `-`',
)

const environmentSection = z
  .strictObject({
    platform: readBy((year) => findPlatform(year).year)
      .optional()
      .describe('A year of the VFX Reference Platform, such as CY2023.'),
    packages: z
      .array(readBy((value) => parseRequirement(value)))
      .default([])
      .describe('Requirements: imath 3.1, openexr >=3.1,<4, ~numpy >=1.26.'),
    'exclude-newer': readBy(checkCutOff)
      .optional()
      .describe('Leave out what was released later: 2026-01-31, or an age such as 14d.'),
    variables: z.record(variableName, anyText).default({}),
    targets: oneOrMany(readBy(parseTarget))
      .default([])
      .describe("Targets to lock for; the host's when there is none."),
  })
  .transform(
    ({ platform, targets, 'exclude-newer': excludeNewer, ...entry }): Environment => ({
      ...(platform !== undefined && { platform }),
      ...(excludeNewer !== undefined && { excludeNewer }),
      ...entry,
      targets: [...new Set(targets)],
    }),
  )

const mirror = z.union([
  z.literal('deb-src').transform((): Mirror => ({ kind: 'deb-src' })),
  z
    .strictObject({ folder: text })
    .transform(({ folder }): Mirror => ({ kind: 'folder', path: folder })),
  z
    .strictObject({ http: formed(/^https?:\/\/\S+$/, 'is not an http or https URL') })
    .transform(({ http }): Mirror => ({ kind: 'http', url: http })),
])

const registryPattern = /^[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/

const registry = formed(registryPattern, 'is not a registry such as 127.0.0.1:5000/vfx')

/** Whether a place is what `registry:` takes: a host, and a namespace of it where there is one. */
export function isRegistry(place: string): boolean {
  return registryPattern.test(place)
}

/** The whole file, after YAML. */
export const projectShape = z.strictObject({
  package: packageSection.optional().describe('A recipe: how versions of a package are made.'),
  environment: environmentSection.optional().describe('The environment named default.'),
  environments: z
    .record(environmentName, environmentSection)
    .default({})
    .describe('More environments, by name.'),
  matrix: z.unknown().optional().describe('What CI tests.'),
  recipes: oneOrMany(relativePath)
    .default([])
    .describe('Folders with NAME/backlot.yaml, used before the recipes that come with Backlot.'),
  registry: registry.optional().describe('Where builds are looked for and published.'),
  mirrors: z.array(mirror).default([]).describe('Where sources are looked for first.'),
})
