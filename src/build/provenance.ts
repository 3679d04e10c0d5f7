/**
 * How a build came to be, as an in-toto statement with a SLSA v1 provenance.
 *
 * Source: in-toto Statement v1, SLSA provenance v1.
 * Not here: signing.
 */
import type { Digest } from '#kernel/index.ts'
import type { BuildConfig } from '#model/index.ts'
import type { BuildRequest } from './request.ts'

export const provenanceMediaType = 'application/vnd.in-toto+json'

export interface ProvenanceFacts {
  readonly manifest: Digest
  readonly startedMs: number
  readonly finishedMs: number
  readonly warnings: readonly string[]
}

/** The statement about a build whose manifest is known. */
export function provenanceStatement(
  request: BuildRequest,
  config: BuildConfig,
  facts: ProvenanceFacts,
): Readonly<Record<string, unknown>> {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      { name: `${config.name}-${config.version}`, digest: { sha256: hex(facts.manifest) } },
    ],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:backlot:build:v1',
        externalParameters: {
          name: config.name,
          version: config.version,
          options: config.options,
          target: config.target,
          ...(config.platform === undefined ? {} : { platform: config.platform }),
          recipe: config.recipe,
        },
        internalParameters: {
          buildId: config.buildId,
          sandbox: config.sandbox ? 'bubblewrap' : 'none',
          epoch: config.epoch,
          toolchain: config.toolchain,
          system: config.system,
        },
        resolvedDependencies: dependencies(request, config),
      },
      runDetails: {
        builder: { id: 'urn:backlot:builder:local', version: { backlot: config.createdBy } },
        metadata: {
          invocationId: config.buildId,
          startedOn: new Date(facts.startedMs).toISOString(),
          finishedOn: new Date(facts.finishedMs).toISOString(),
        },
        byproducts: facts.warnings.map((text) => ({
          name: 'warning',
          content: Buffer.from(text).toString('base64'),
        })),
      },
    },
  }
}

function dependencies(request: BuildRequest, config: BuildConfig) {
  const sources = config.sources.map(({ kind, url, sha256, commit }) => ({
    name: `${config.name}-source`,
    // A folder of the user's has no name that means anything elsewhere.
    uri: url === undefined ? 'urn:backlot:source:path' : kind === 'git' ? `git+${url}` : url,
    ...(sha256 === undefined ? {} : { digest: { sha256 } }),
    ...(commit === undefined ? {} : { digest: { gitCommit: commit } }),
  }))
  const builds = request.dependencies.map((dependency) => ({
    name: `${dependency.config.name}-${dependency.config.version}`,
    digest: { sha256: hex(dependency.manifest) },
  }))
  return [...sources, ...builds]
}

function hex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}
