/**
 * Tests that need programs of others: they run where those are, and are skipped by name where not.
 */
import { test } from 'bun:test'
import { goProgram } from './go-programs.ts'
import { postgresProgram } from './postgres.ts'

const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** What is asked for by name but is no program: how to find out whether it is there. */
const abilities: Record<string, () => boolean> = {
  root: () => process.getuid?.() === 0,
  initdb: () => postgresProgram('initdb') !== undefined,
  versitygw: () => goProgram('versitygw') !== undefined,
  conformance: () => goProgram('conformance') !== undefined,
  postgres: () => postgresProgram('postgres') !== undefined,
  'python3-jsonschema': () => succeeds(['/usr/bin/python3', '-c', 'import jsonschema']),
  namespaces: () => succeeds(['bwrap', '--ro-bind', '/', '/', '--unshare-all', 'true']),
}

/**
 * The test function for tests that need these programs (or `namespaces`, for sandboxes, or `root`).
 * Where one is missing each test is registered as skipped, with the reason in its name.
 */
export function outside(needed: readonly string[]): typeof test {
  const missing = needed.filter((name) => !(abilities[name]?.() ?? Bun.which(name, { PATH: path })))
  if (missing.length === 0) return test
  const reason = `(needs ${missing.join(', ')})`
  const skip: unknown = new Proxy(test.skip, {
    apply: (target, self, [name, ...rest]) =>
      Reflect.apply(target, self, [`${name} ${reason}`, ...rest]),
    get: (target, key) =>
      key === 'each'
        ? (rows: readonly unknown[]) => (name: string, body: () => void) =>
            Reflect.apply(target, undefined, [`${name}, ${rows.length} cases ${reason}`, body])
        : Reflect.get(target, key),
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- stands in for bun's
  return skip as typeof test
}

function succeeds(argv: readonly string[]): boolean {
  const [program = ''] = argv
  if (Bun.which(program, { PATH: path }) === null) return false
  return Bun.spawnSync([...argv], { env: { PATH: path }, stdio: ['ignore', 'ignore', 'ignore'] })
    .success
}
