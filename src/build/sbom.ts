/**
 * What a build consists of, as an SPDX 2.3 document in JSON.
 *
 * Invariant: the same build gives the same bytes: its time is SOURCE_DATE_EPOCH.
 * Source: SPDX 2.3, clauses 6 (document), 7 (package), 11 (relationships); package-url.
 */
import type { BuildConfig } from '#model/index.ts'
import type { BuildRequest } from './request.ts'

export const sbomMediaType = 'application/spdx+json'

interface SpdxPackage {
  readonly SPDXID: string
  readonly name: string
  readonly versionInfo: string
  readonly downloadLocation: string
  readonly [key: string]: unknown
}

/** The SPDX document of a build. */
export function spdxDocument(
  request: BuildRequest,
  config: BuildConfig,
): Readonly<Record<string, unknown>> {
  const main = mainPackage(request, config)
  const sources = config.sources.map((source, index) => sourcePackage(config, source, index))
  const linked = config.requires.map((needed) => dependencyPackage(needed.name, needed.version))
  const tools = request.dependencies
    .filter((dependency) => !dependency.runtime)
    .map(({ config: tool }) => dependencyPackage(tool.name, tool.version))
  const system = config.system.map((needed) => dependencyPackage(needed.name, needed.version))
  const related = (from: readonly SpdxPackage[], type: string, reversed = false) =>
    from.map((other) => ({
      spdxElementId: reversed ? other.SPDXID : main.SPDXID,
      relationshipType: type,
      relatedSpdxElement: reversed ? main.SPDXID : other.SPDXID,
    }))
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${config.name}-${config.version}`,
    documentNamespace: `https://spdx.org/spdxdocs/backlot/${config.name}-${config.version}-${config.buildId}`,
    creationInfo: {
      created: new Date(config.epoch * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: ${config.createdBy.replaceAll(' ', '-')}`],
    },
    packages: [main, ...sources, ...linked, ...system, ...tools],
    relationships: [
      {
        spdxElementId: 'SPDXRef-DOCUMENT',
        relationshipType: 'DESCRIBES',
        relatedSpdxElement: main.SPDXID,
      },
      ...related(sources, 'GENERATED_FROM'),
      ...related([...linked, ...system], 'DEPENDS_ON'),
      ...related(tools, 'BUILD_DEPENDENCY_OF', true),
    ],
  }
}

function mainPackage(request: BuildRequest, config: BuildConfig): SpdxPackage {
  const { homepage, summary } = request.recipe
  return {
    SPDXID: 'SPDXRef-Package',
    name: config.name,
    versionInfo: config.version,
    downloadLocation: config.sources.map(downloadLocation).find(isKnown) ?? unknown,
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: config.license === '' ? 'NOASSERTION' : config.license,
    copyrightText: 'NOASSERTION',
    summary,
    ...(homepage === undefined ? {} : { homepage }),
    checksums: [{ algorithm: 'SHA256', checksumValue: config.diffId.slice('sha256:'.length) }],
    externalRefs: [purl(config.name, config.version)],
  }
}

function sourcePackage(
  config: BuildConfig,
  source: BuildConfig['sources'][number],
  index: number,
): SpdxPackage {
  return {
    SPDXID: `SPDXRef-Source-${index}`,
    name: `${config.name}-source`,
    versionInfo: source.commit ?? config.version,
    downloadLocation: downloadLocation(source),
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: config.license === '' ? 'NOASSERTION' : config.license,
    copyrightText: 'NOASSERTION',
    ...(source.sha256 === undefined
      ? {}
      : { checksums: [{ algorithm: 'SHA256', checksumValue: source.sha256 }] }),
  }
}

const unknown = 'NOASSERTION'

function isKnown(location: string): boolean {
  return location !== unknown
}

/** Source: SPDX 2.3, 7.7: a URL, or `git+URL@COMMIT` with one of git's schemes. */
function downloadLocation({ kind, url, commit }: BuildConfig['sources'][number]): string {
  if (url === undefined || kind === 'pypi') return unknown
  if (kind !== 'git') return url
  return /^(?:https?|ssh|git):\/\//.test(url)
    ? `git+${url.replace(/^git\+/, '')}@${commit}`.replace(/^git\+git:/, 'git:')
    : unknown
}

function dependencyPackage(name: string, version: string): SpdxPackage {
  return {
    SPDXID: `SPDXRef-Dependency-${name.replaceAll(/[^a-zA-Z0-9.-]/g, '-')}`,
    name,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    externalRefs: [purl(name, version)],
  }
}

function purl(name: string, version: string) {
  return {
    referenceCategory: 'PACKAGE-MANAGER',
    referenceType: 'purl',
    referenceLocator: `pkg:generic/${encodeURIComponent(name)}@${encodeURIComponent(version)}`,
  }
}
