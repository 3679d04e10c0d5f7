/**
 * The shape of Rez's settings, of those that count; apart, so that it is loaded only for a file.
 *
 * Source: rez 3.4 `config.py`. Not here: how files are merged (`rez-config.ts`).
 */
import { z } from 'zod'

/** What the keys that count may hold. Made on use: most starts read no settings. */
export function settingsSchema() {
  const text = z.string()
  const texts = z.array(text)
  const rules = z.union([text.transform((one) => [one]), texts]).default([])
  const packages = z.union([text, texts]).optional()
  const simple = [
    z.object({ type: z.literal('no_order'), packages }),
    z.object({ type: z.literal('sorted'), descending: z.boolean(), packages }),
    z.object({ type: z.literal('version_split'), first_version: text, packages }),
    z.object({
      type: z.literal('soft_timestamp'),
      timestamp: z.number(),
      rank: z.int().nonnegative().optional(),
      packages,
    }),
  ] as const
  const orderer = z.discriminatedUnion('type', [
    ...simple,
    z.object({
      type: z.literal('per_family'),
      orderers: z.array(z.discriminatedUnion('type', simple)),
    }),
  ])
  return z.object({
    packages_path: texts.optional(),
    local_packages_path: text.optional(),
    implicit_packages: texts.optional(),
    platform_map: z.record(text, z.record(text, text)).optional(),
    variant_select_mode: z.enum(['version_priority', 'intersection_priority']).optional(),
    error_on_missing_variant_requires: z.boolean().optional(),
    package_filter: listOf(z.object({ excludes: rules, includes: rules })),
    package_orderers: listOf(orderer),
    parent_variables: texts.optional(),
    all_parent_variables: z.boolean().optional(),
    env_var_separators: z.record(text, text).optional(),
    standard_system_paths: texts.optional(),
    optionvars: z.unknown().optional(),
  })
}

/** None, one, or several. */
function listOf<Item extends z.ZodType>(item: Item) {
  const none = z.null().transform(() => [])
  return z.union([none, z.array(item), item.transform((one) => [one])]).default([])
}
