/**
 * `npm run build`: `dist/backlot` for this machine, and the programs for the other targets.
 *
 * `npm run build -- --host` leaves the others out.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runOrThrow } from '#kernel/index.ts'
import { hostTarget } from '#model/index.ts'
import { compile } from './compile.ts'
import { environmentWith } from './environment.ts'
import { fetchRuntime, runtimes } from './runtimes.ts'

const dist = join(import.meta.dir, '../dist')

async function timed(file: string, build: (outfile: string) => Promise<void>): Promise<void> {
  const startedMs = Date.now()
  const outfile = join(dist, file)
  await build(outfile)
  const megabytes = (statSync(outfile).size / 1e6).toFixed(1)
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1)
  console.log(`dist/${file.padEnd(28)} ${megabytes} MB ${seconds} s`)
}

mkdirSync(dist, { recursive: true })
const own = process.platform === 'win32' ? 'backlot.exe' : 'backlot'
await timed(own, (outfile) => compile({ outfile }))
const { stdout } = await runOrThrow([join(dist, own), '--version'], { env: environmentWith() })
console.log(`${own} ${stdout.trim()}`)

const others = process.argv.includes('--host') ? [] : runtimes
for (const runtime of others.filter(({ file }) => !file.includes(hostTarget())))
  await timed(runtime.file, async (outfile) =>
    compile({ outfile, runtime: { target: runtime.target, path: await fetchRuntime(runtime) } }),
  )
