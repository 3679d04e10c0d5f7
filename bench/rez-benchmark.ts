/**
 * Rez's own benchmark: packages and requests, with the answers of Rez 3.4 and the times it took.
 *
 * Data: what Rez ships for `rez-benchmark` (Apache-2.0); see data/README.md. `writeRepository`
 * makes the files that Rez and we read from it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

interface PackageData {
  readonly name: string
  readonly version: string
  readonly requires: readonly string[]
  readonly variants: readonly (readonly string[])[]
}

interface RezAnswer {
  readonly status: string
  readonly cpu_seconds: number
  /** `name-version[variant]` */
  readonly resolved: readonly string[]
}

export interface RezBenchmark {
  readonly packages: readonly PackageData[]
  readonly requests: readonly (readonly string[])[]
  readonly results: readonly RezAnswer[]
}

export function readBenchmark(): RezBenchmark {
  const bytes = gunzipSync(readFileSync(join(import.meta.dir, 'data/rez-benchmark.json.gz')))
  const data: RezBenchmark = JSON.parse(bytes.toString())
  return data
}

/** Writes every package as `name/version/package.py` below a folder. */
export function writeRepository(folder: string, { packages }: RezBenchmark): void {
  for (const { name, version, requires, variants } of packages) {
    const at = join(folder, name, version)
    mkdirSync(at, { recursive: true })
    // Lists of texts are written in Python as in JSON.
    const lines = [
      `name = ${JSON.stringify(name)}`,
      ...(version === '' ? [] : [`version = ${JSON.stringify(version)}`]),
      `requires = ${JSON.stringify(requires)}`,
      ...(variants.length === 0 ? [] : [`variants = ${JSON.stringify(variants)}`]),
    ]
    writeFileSync(join(at, 'package.py'), `${lines.join('\n')}\n`)
  }
}

/** An answer as the benchmark's data writes it. */
export function shown(
  packages: readonly { name: string; version: string; variant: number | null }[],
): string[] {
  return packages.map(
    ({ name, version, variant }) =>
      `${name}${version === '' ? '' : `-${version}`}[${variant ?? ''}]`,
  )
}

/** Requests that fail: known ones with a package that their answers refuse, the same every time. */
export function requestsToFail({ requests, results }: RezBenchmark): string[][] {
  return requests.flatMap((request, index) => {
    const resolved = results[index]?.resolved ?? []
    return [3, 7].flatMap((step) => {
      const name = /^[^-[]+/.exec(resolved.at(-step) ?? '')?.[0]
      return name === undefined ? [] : [[...request, `!${name}`]]
    })
  })
}
