/** `retention:` of registry.yaml: what is kept, and for how long. */
import { z } from 'zod'

export const retentionSection = z.strictObject({})
