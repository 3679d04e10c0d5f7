/** `upstreams:` of registry.yaml: registries that this one is a cache of. */
import { z } from 'zod'

export const upstreamsSection = z.strictObject({})
