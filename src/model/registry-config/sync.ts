/** `sync:` of registry.yaml: what is copied between registries on a schedule. */
import { z } from 'zod'

export const syncSection = z.strictObject({})
