/**
 * The shape of backlot.yaml as a whole.
 *
 * Not here: finding out where in the text a complaint belongs (`project.ts`).
 */
import { z } from 'zod'
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
    platform: readBy((year) => findPlatform(year).year).optional(),
    packages: z.array(readBy((value) => parseRequirement(value))).default([]),
    variables: z.record(variableName, anyText).default({}),
    targets: oneOrMany(readBy(parseTarget)).default([]),
  })
  .transform(
    ({ platform, targets, ...entry }): Environment => ({
      ...(platform !== undefined && { platform }),
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

const registry = formed(
  /^[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/,
  'is not a registry such as 127.0.0.1:5000/vfx',
)

/** The whole file, after YAML. */
export const projectShape = z.strictObject({
  package: packageSection.optional(),
  environment: environmentSection.optional(),
  environments: z.record(environmentName, environmentSection).default({}),
  matrix: z.unknown().optional(),
  recipes: oneOrMany(relativePath).default([]),
  registry: registry.optional(),
  mirrors: z.array(mirror).default([]),
})
