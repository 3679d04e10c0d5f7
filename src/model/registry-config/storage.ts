/** `storage:` of registry.yaml: where blobs and metadata are kept. */
import { z } from 'zod'

export const storageSection = z.strictObject({})
