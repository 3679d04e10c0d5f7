/**
 * `serve` in a process of its own, for tests that kill it: `bun serve-child.ts DIR PORT [YAML]`.
 *
 * It ends when its standard input ends, so that it never outlives the test.
 */
import { readFileSync } from 'node:fs'
import { parseRegistryConfig } from '#model/index.ts'
import { serve } from '#server/index.ts'

const [, , dir = '', port = '0', file] = process.argv
const config = file === undefined ? {} : parseRegistryConfig(readFileSync(file, 'utf8'), file)
const server = await serve({ dir, port: Number(port), config })
console.log(`serving ${server.registry} `)
for await (const _ of Bun.stdin.stream());
process.exit(0)
