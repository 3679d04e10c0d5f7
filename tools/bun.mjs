/**
 * Runs Bun, pinned in package.json, with the given arguments.
 *
 * npm may refuse install scripts. When it ran Bun's, the program was moved into the package `bun`;
 * when it did not, the program is still in the package of this platform.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

const suffix = process.platform === 'win32' ? '.exe' : ''

/** Where Bun's program may be, most likely first. */
function candidates() {
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const platform = [`@oven/bun-${system}-${arch}`, `@oven/bun-${system}-${arch}-musl`]
  const packages = platform.map((name) => [name, `bun${suffix}`])
  return [['bun', 'bun.exe'], ...packages].flatMap(([name, file]) => {
    try {
      return [join(dirname(require.resolve(`${name}/package.json`)), 'bin', file)]
    } catch {
      return []
    }
  })
}

/** The path of Bun's program. What the script of `bun` did not replace is a stub of a few bytes. */
export function bunPath() {
  const found = candidates().find((path) => existsSync(path) && statSync(path).size > 1_000_000)
  if (found) return found
  console.error(
    `No Bun for ${process.platform}-${process.arch}. Run \`npm ci\`, optional packages on.`,
  )
  process.exit(1)
}

if (process.argv[1] === import.meta.filename) {
  const child = spawnSync(bunPath(), process.argv.slice(2), { stdio: 'inherit' })
  if (child.error) throw child.error
  process.exit(child.signal ? 128 + constants.signals[child.signal] : child.status)
}
