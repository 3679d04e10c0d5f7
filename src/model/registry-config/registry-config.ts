/**
 * registry.yaml, the configuration of `backlot serve`: its shape, its reader, its JSON Schema.
 *
 * Invariant: a file is taken whole or refused, as backlot.yaml is. Each section has its module.
 * Not here: what the server does with it (`#server`), accounts (they are in the database).
 */
import { z } from 'zod'
import { complaintsOf, explainIssue } from '../complaints.ts'
import { schemaOf } from '../json-schema.ts'
import { badFile, parseYaml } from '../yaml-text.ts'
import { accessSection } from './access.ts'
import { limitsSection } from './limits.ts'
import { listenSection } from './listen.ts'
import { namespacesSection } from './namespaces.ts'
import { retentionSection } from './retention.ts'
import { storageSection } from './storage.ts'
import { syncSection } from './sync.ts'
import { upstreamsSection } from './upstreams.ts'

const guide = 'docs/formats/registry-yaml.md'

const registryShape = z.strictObject({
  listen: listenSection.optional().describe('Address, TLS, proxies before the server.'),
  access: accessSection
    .optional()
    .describe('Who may do what. Without it everybody may do everything.'),
  limits: limitsSection.optional().describe('Caps on what comes from outside.'),
  namespaces: namespacesSection
    .optional()
    .describe('Quotas, and tags that never move, by namespace.'),
  upstreams: upstreamsSection.optional().describe('Registries that this one is a cache of.'),
  sync: syncSection.optional().describe('What is copied between registries on a schedule.'),
  retention: retentionSection.optional().describe('What is kept, and for how long.'),
  storage: storageSection.optional().describe('Where blobs and metadata are kept.'),
})

export type RegistryConfig = z.output<typeof registryShape>

/**
 * The configuration that a registry.yaml holds.
 * @param path Named in messages only.
 * @throws AppError `model/bad-file`
 */
export function parseRegistryConfig(text: string, path: string): RegistryConfig {
  const yaml = parseYaml(text, path, guide)
  const parsed = registryShape.safeParse(yaml.value, { error: explainIssue })
  if (parsed.success) return parsed.data
  throw badFile(text, path, complaintsOf(parsed.error.issues, yaml), guide)
}

/** A JSON Schema (draft 2020-12) of registry.yaml, for editors. */
export function registryJsonSchema(): Record<string, unknown> {
  return schemaOf(registryShape, 'registry.yaml')
}
