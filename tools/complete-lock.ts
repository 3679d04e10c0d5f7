/**
 * Completes package-lock.json after `npm install`: an entry for every optional package.
 *
 * A registry that lacks a package of another platform makes npm leave it out of the lock, and
 * `npm ci` then refuses that lock. The added entries have a version and a platform and no hash, so
 * npm takes them where they fit and passes over them elsewhere.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const path = join(import.meta.dir, '../package-lock.json')

const Entry = z.looseObject({
  version: z.string().optional(),
  dev: z.boolean().optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
})
const Packages = z.record(z.string(), Entry)
type Packages = z.infer<typeof Packages>

/** The key of what `require(name)` finds from a package, or undefined. */
function found(packages: Packages, from: string, name: string): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const key = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`
    if (packages[key] !== undefined) return key
    if (at === '') return undefined
  }
}

const systems = ['darwin', 'win32', 'android', 'freebsd', 'openharmony', 'linux']
const processors = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'wasm32']

/** What npm compares with the machine, read from a name like `binding-linux-x64-musl`. */
function platformOf(name: string): Record<string, string[]> {
  const words = name.split(/[/-]/)
  const system = systems.find((word) => words.includes(word))
  const processor = processors.find((word) => words.includes(word))
  const musl = words.some((word) => word.startsWith('musl'))
  const gnu = words.some((word) => word.startsWith('gnu'))
  return {
    ...(processor === undefined ? {} : { cpu: [processor] }),
    ...(musl || gnu ? { libc: [musl ? 'musl' : 'glibc'] } : {}),
    ...(system === undefined ? {} : { os: [system] }),
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Entries that are missing, by key. */
function missing(packages: Packages): Record<string, unknown> {
  const added: Record<string, unknown> = {}
  for (const [from, entry] of Object.entries(packages))
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (/[<>^~*|x ]/.test(version.replace(/-.*/, ''))) continue // A range: npm decides.
      const present = found(packages, from, name)
      if (present !== undefined && packages[present]?.version === version) continue
      const beside = `${from.slice(0, from.lastIndexOf('node_modules/'))}node_modules/${name}`
      const key = present === beside ? `${from}/node_modules/${name}` : beside
      const dev = entry.dev === true ? { dev: true } : {}
      added[key] = { version, ...platformOf(name), ...dev, optional: true }
    }
  return added
}

const lock: unknown = JSON.parse(readFileSync(path, 'utf8'))
if (!isRecord(lock) || !isRecord(lock['packages'])) throw new TypeError(`${path} has no packages`)
const added = missing(Packages.parse(lock['packages']))
const all = Object.entries({ ...lock['packages'], ...added })
lock['packages'] = Object.fromEntries(all.toSorted(([a], [b]) => a.localeCompare(b, 'en')))
if (Object.keys(added).length > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`package-lock.json: ${Object.keys(added).length} entries added`)
