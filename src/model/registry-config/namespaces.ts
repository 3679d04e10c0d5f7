/** `namespaces:` of registry.yaml: quotas, tags that never move, what may be incomplete. */
import { z } from 'zod'
import { count, flag, formed, oneOrMany } from '../scalars.ts'
import { sizeBytes } from './scalars.ts'

const name = formed(
  /^(?:\*|[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)$/,
  'is not a namespace such as aswf or aswf/ci, nor * for all others',
)

const tagPattern = formed(
  /^[A-Za-z0-9_*][A-Za-z0-9._*-]{0,127}$/,
  'is not a pattern of tags such as v* or *',
)

export const namespacesSection = z.record(
  name,
  z.strictObject({
    'immutable-tags': oneOrMany(tagPattern)
      .default([])
      .describe('Patterns of tags that are set once and never moved or deleted by a client.'),
    size: sizeBytes.optional().describe('Bytes that it may have; what is shared counts once.'),
    tags: count.optional().describe('How many tags it may have.'),
    sparse: flag
      .default(false)
      .describe('Whether manifests of images are taken whose blobs are not there.'),
  }),
)
