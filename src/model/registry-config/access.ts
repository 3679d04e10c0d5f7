/**
 * `access:` of registry.yaml: who may do what, apart from the accounts, which are in the database.
 *
 * Without the section everybody may do everything.
 */
import { z } from 'zod'
import { formed, oneOrMany, text } from '../scalars.ts'
import { durationMs, httpUrl, repositoryPattern } from './scalars.ts'

/** Claims that say who runs what; a rule that names none of them would fit everybody. */
const decisiveClaims = ['sub', 'repository', 'repository_owner', 'repository_id'] as const

const claims = z
  .strictObject({
    sub: text.optional(),
    repository: text.optional(),
    repository_id: text.optional(),
    repository_owner: text.optional(),
    repository_owner_id: text.optional(),
    repository_visibility: text.optional(),
    ref: text.optional(),
    ref_type: text.optional(),
    ref_protected: text.optional(),
    environment: text.optional(),
    event_name: text.optional(),
    workflow_ref: text.optional(),
    job_workflow_ref: text.optional(),
    runner_environment: text.optional(),
    actor: text.optional(),
  })
  .refine(
    (when) => decisiveClaims.some((claim) => when[claim] !== undefined),
    `wants at least one of ${decisiveClaims.join(', ')}`,
  )

const rule = z.strictObject({
  when: claims.describe('Patterns that the claims must match: * within a part, ** across parts.'),
  repositories: oneOrMany(
    formed(
      /^(?:[a-z0-9._*-]|\$\{[a-z_]+\})+(?:\/(?:[a-z0-9._*-]|\$\{[a-z_]+\})+)*$/,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how the file writes it
      'is not a pattern of repositories such as aswf/** or ${repository}/**',
    ),
  ).describe('Patterns of repositories; ${repository} is the value of that claim, lower-cased.'),
  actions: oneOrMany(z.enum(['pull', 'push', 'delete'])).describe(
    'What is allowed: pull, push, delete.',
  ),
})

function isSafePlace(place: string): boolean {
  if (!/^http:/i.test(place)) return true
  const host = URL.parse(place)?.hostname ?? ''
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

const provider = z.strictObject({
  issuer: httpUrl.describe('What the claim iss must be, to the letter.'),
  audience: text.describe('What the claim aud must be, or hold.'),
  keys: text
    .refine(isSafePlace, 'is read without TLS, so anybody on the way could put in other keys')
    .describe('The JWKS: an https URL, or a file; http on this machine only.'),
  rules: z.array(rule).min(1, 'has no rule, so its tokens may do nothing'),
})

export const accessSection = z.strictObject({
  anonymous: oneOrMany(repositoryPattern)
    .default([])
    .describe('Repositories that everybody may pull.'),
  'token-lifetime': durationMs
    .refine((ms) => ms >= 60_000 && ms <= 3_600_000, 'is not between 1m and 1h')
    .default(300_000)
    .describe('How long a bearer token is good for.'),
  oidc: oneOrMany(provider)
    .default([])
    .describe('Who else signs tokens that are accepted, such as GitHub Actions.'),
})
