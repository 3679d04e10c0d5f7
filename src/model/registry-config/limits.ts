/** `limits:` of registry.yaml: caps on what comes from outside. */
import { z } from 'zod'
import { count } from '../scalars.ts'
import { durationMs, sizeBytes } from './scalars.ts'

const nothing = 'is 0, which lets nothing through; leave it out for the usual limit'
const some = count.refine((number) => number > 0, nothing)

export const limitsSection = z.strictObject({
  blob: sizeBytes
    .refine((bytes) => bytes > 0, nothing)
    .optional()
    .describe('The largest blob; 256GiB when not given.'),
  requests: some
    .optional()
    .describe('Requests that are answered at once; others get 503. 10000 when not given.'),
  connections: some
    .optional()
    .describe('Connections at once; seven eighths of the files it may open when not given.'),
  'connections-per-address': some
    .optional()
    .describe('Connections at once from one address; three quarters of all when not given.'),
  'writes-per-account': some
    .optional()
    .describe('Changes of one account that are under way at once; 512 when not given.'),
  'writes-per-address': some
    .optional()
    .describe('Changes from one address that are under way at once; 512 when not given.'),
  'idle-timeout': durationMs
    .refine((ms) => ms >= 8000 && ms <= 255_000, 'is not between 8s and 255s')
    .optional()
    .describe('A connection on which nothing moves is closed; 120s when not given.'),
  drain: durationMs
    .refine((ms) => ms <= 600_000, 'is more than 10m')
    .optional()
    .describe('How long requests may go on when the server is told to end; 10s when not given.'),
})
