/**
 * The public conformance suite of the distribution specification, and what it says of a registry.
 *
 * `npm run conformance` runs it against `backlot serve` on every storage that is possible here;
 * `npm run conformance -- HOST:PORT` against any registry that is spoken to without TLS.
 * Source: https://github.com/opencontainers/distribution-spec/tree/main/conformance
 */
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { goProgram } from '../go-programs.ts'
import { stopStorages, storageKinds } from '../storages.ts'
import { storedRegistry } from './servers.ts'

export interface ConformanceQuestion {
  /** Host and port, without TLS. */
  readonly registry: string
  readonly version: '1.1' | 'dev'
  readonly username?: string
  readonly password?: string
}

export interface ConformanceReport {
  readonly passed: number
  /** What has not passed, with what the suite says of it. */
  readonly failed: readonly string[]
  /** What the version of the specification does not have. */
  readonly disabled: number
}

/** Takes images whose layers are not there in the suite's repositories: an optional part of it. */
export const sparseConfig = parseRegistryConfig(
  'namespaces: { conformance: { sparse: true } }',
  'registry.yaml',
)

/** Runs the suite; `dev` with its optional part, images whose layers are not there. */
export async function conformance(question: ConformanceQuestion): Promise<ConformanceReport> {
  using folder = temporaryFolder()
  const { registry, version, username = '', password = '' } = question
  const child = Bun.spawn([goProgram('conformance') ?? 'conformance'], {
    cwd: folder.path,
    env: {
      OCI_REGISTRY: registry,
      OCI_TLS: 'disabled',
      OCI_VERSION: version,
      OCI_USERNAME: username,
      OCI_PASSWORD: password,
      OCI_DATA_SPARSE: `${version === 'dev'}`,
      OCI_RESULTS_DIR: join(folder.path, 'results'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, log] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  const count = (name: string): number => {
    const found = new RegExp(`^  ${name}\\.+: +(\\d+)$`, 'm').exec(out)?.[1]
    if (found === undefined) throw new Error(`The suite counted no «${name}»: ${out}${log}`)
    return Number(found)
  }
  const amiss = count('FAIL') + count('Error') + count('Skip')
  const said = log.split('\n').filter((line) => line !== '')
  return {
    passed: count('Pass'),
    failed: amiss === 0 ? [] : [`${amiss} results`, ...said],
    disabled: count('Disabled'),
  }
}

if (import.meta.main) {
  const [registry] = process.argv.slice(2)
  const reports = registry === undefined ? ofOurs() : ofRegistry(registry, registry)
  let failures = 0
  for await (const { name, report } of reports) {
    console.log(`${name}: ${report.passed} passed, ${report.failed[0] ?? 'none'} failed`)
    for (const line of report.failed.slice(1)) console.log(`  ${line}`)
    failures += report.failed.length
  }
  process.exitCode = failures === 0 ? 0 : 1
}

async function* ofRegistry(name: string, registry: string) {
  for (const version of ['1.1', 'dev'] as const)
    yield { name: `${name}, ${version}`, report: await conformance({ registry, version }) }
}

async function* ofOurs() {
  for (const kind of storageKinds.filter(({ isPossible }) => isPossible)) {
    await using server = await storedRegistry(kind, sparseConfig)
    yield* ofRegistry(kind.name, server.registry)
  }
  await stopStorages()
}
