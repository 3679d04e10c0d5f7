/**
 * One measured figure, as `npm run bench -- … --json` prints it: one object a line.
 *
 * Invariant: smaller is better and `ok` is `value <= bar`. A bar that is meant relative to the peer
 * (a tool that people use today, timed in the same run) is already multiplied out.
 */
import { z } from 'zod'

/** Times in milliseconds, sizes in bytes. `peer` is null where there is nobody to compare with. */
export const Figure = z.strictObject({
  name: z.string(),
  value: z.number(),
  unit: z.enum(['ms', 'B']),
  bar: z.number(),
  peer: z.number().nullable(),
  ok: z.boolean(),
})
export type Figure = z.infer<typeof Figure>
