/**
 * `serve` in a process of its own, for tests that kill it: `bun serve-child.ts DIR PORT`.
 *
 * It ends when its standard input ends, so that it never outlives the test.
 */
import { serve } from '#server/index.ts'

const [, , dir = '', port = '0'] = process.argv
const server = await serve({ dir, port: Number(port) })
console.log(`serving ${server.registry} `)
for await (const _ of Bun.stdin.stream());
process.exit(0)
