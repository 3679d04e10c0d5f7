/** Programs that `go install` builds: it does not put them on the path. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where such a program is; undefined where it was not built. */
export function goProgram(name: string): string | undefined {
  const built = join(homedir(), 'go/bin', name)
  return Bun.which(name) ?? (existsSync(built) ? built : undefined)
}
