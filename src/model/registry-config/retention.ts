/** `retention:` of registry.yaml: what is kept, and for how long. */
import { z } from 'zod'
import { count, oneOrMany } from '../scalars.ts'
import { durationMs, repositoryPattern, tagPattern } from './scalars.ts'

const rule = z
  .strictObject({
    repositories: oneOrMany(repositoryPattern).describe(
      'Patterns of repositories; of the rules that fit one, the first decides.',
    ),
    tags: oneOrMany(tagPattern)
      .default(['*'])
      .describe('Patterns of the tags that the rule is about; others stay.'),
    protect: oneOrMany(tagPattern).default([]).describe('Patterns of tags that always stay.'),
    'keep-last': count.optional().describe('So many of the newest stay.'),
    'keep-younger': durationMs.optional().describe('What was pushed within so long stays.'),
    'keep-pulled': durationMs.optional().describe('What was pulled within so long stays.'),
    untagged: durationMs
      .optional()
      .describe('Manifests without a tag go when they are older; without it they stay.'),
  })
  .refine(
    (one) =>
      one['keep-last'] !== undefined ||
      one['keep-younger'] !== undefined ||
      one['keep-pulled'] !== undefined ||
      one.untagged !== undefined,
    'says neither keep-last, keep-younger, keep-pulled nor untagged',
  )

export const retentionSection = z.strictObject({
  rules: z.array(rule).default([]),
  recycle: durationMs
    .default(7 * 86_400_000)
    .describe('How long what was deleted can be restored.'),
  grace: durationMs
    .refine((ms) => ms >= 600_000, 'is less than 10m')
    .default(86_400_000)
    .describe('How long a blob may wait for the manifest that names it.'),
  every: durationMs
    .refine((ms) => ms >= 60_000, 'is less than 1m')
    .default(86_400_000)
    .describe('How often the server applies the rules and collects.'),
})
