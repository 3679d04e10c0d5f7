/** `namespaces:` of registry.yaml: quotas, tags that never move, what may be incomplete. */
import { z } from 'zod'
import { count, flag, formed, oneOrMany } from '../scalars.ts'
import { repositoryName, sizeBytes, tagPattern } from './scalars.ts'

const name = formed(
  new RegExp(`^(?:\\*|${repositoryName})$`),
  'is not a namespace such as aswf or aswf/ci, nor * for all others',
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
