import { expect, test } from 'bun:test'
import { digestOf } from '#kernel/index.ts'
import { BuildConfig, parseVersion } from '#model/index.ts'
import { provenanceStatement } from './provenance.ts'
import type { BuildRequest } from './request.ts'
import { spdxDocument } from './sbom.ts'

const config = BuildConfig.parse({
  schemaVersion: 1,
  name: 'openexr',
  version: '3.1.5',
  buildId: 'ab'.repeat(32),
  target: 'linux-x86_64',
  requires: [
    {
      name: 'imath',
      range: '>=3.1',
      version: '3.1.6',
      interface: digestOf('i'),
      buildId: 'cd'.repeat(32),
    },
  ],
  system: [{ name: 'zlib', range: '*', version: '1.2.13' }],
  exports: {},
  interface: digestOf('interface'),
  license: 'BSD-3-Clause',
  sources: [{ kind: 'url', url: 'https://a.example/x.tgz', sha256: 'ef'.repeat(32) }],
  recipe: digestOf('recipe'),
  toolchain: { compiler: 'gcc', version: '12.2.0' },
  fileList: digestOf('list'),
  diffId: digestOf('diff'),
  sizeBytes: 1,
  sandbox: false,
  epoch: 1_600_000_000,
  createdBy: 'backlot 0.1.0',
})
const request: BuildRequest = {
  recipe: {
    name: 'openexr',
    version: parseVersion('3.1.5'),
    summary: 'Images',
    homepage: 'https://openexr.com',
    license: 'BSD-3-Clause',
    target: 'linux-x86_64',
    options: {},
    sources: [],
    patches: [],
    provides: [],
    requires: [],
    runRequires: [],
    buildRequires: [],
    steps: [],
    environment: {},
    exports: { cmake: [], pkgConfig: [], programs: [], python: [] },
    tests: [],
    digest: digestOf('recipe'),
  },
  folder: '/',
  dependencies: [],
  system: [],
}

test('the SBOM has source, dependencies and system, each in a relationship, and no clock', () => {
  const document = spdxDocument(request, config)

  expect(document).toMatchObject({
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    creationInfo: { created: '2020-09-13T12:26:40Z', creators: ['Tool: backlot-0.1.0'] },
    relationships: [
      { relationshipType: 'DESCRIBES', relatedSpdxElement: 'SPDXRef-Package' },
      { relationshipType: 'GENERATED_FROM', relatedSpdxElement: 'SPDXRef-Source-0' },
      { relationshipType: 'DEPENDS_ON', relatedSpdxElement: 'SPDXRef-Dependency-imath' },
      { relationshipType: 'DEPENDS_ON', relatedSpdxElement: 'SPDXRef-Dependency-zlib' },
    ],
  })
  const { packages } = document
  expect(packages).toContainEqual(
    expect.objectContaining({
      name: 'openexr-source',
      checksums: [{ algorithm: 'SHA256', checksumValue: 'ef'.repeat(32) }],
    }),
  )
})

test('where sources come from is said as SPDX wants it, or not at all', () => {
  const commit = 'ab'.repeat(20)
  const said = (source: BuildConfig['sources'][number]) =>
    spdxDocument(request, { ...config, sources: [source] })['packages']

  for (const [source, downloadLocation] of [
    [
      { kind: 'git', url: 'https://a.example/x.git', commit },
      `git+https://a.example/x.git@${commit}`,
    ],
    [{ kind: 'git', url: 'file:///srv/x.git', commit }, 'NOASSERTION'],
    [{ kind: 'pypi', url: 'pkg:pypi/six@1.16.0', sha256: 'ef'.repeat(32) }, 'NOASSERTION'],
    [{ kind: 'path' }, 'NOASSERTION'],
  ] as const)
    expect(said(source)).toMatchObject([{ downloadLocation }, { downloadLocation }, {}, {}])
})

test('the provenance names the manifest, the sources, and the lack of a sandbox', () => {
  const manifest = digestOf('manifest')
  const facts = { manifest, startedMs: 0, finishedMs: 1000, warnings: ['built without a sandbox'] }

  expect(provenanceStatement(request, config, facts)).toMatchObject({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'openexr-3.1.5', digest: { sha256: manifest.slice('sha256:'.length) } }],
    predicate: {
      buildDefinition: {
        internalParameters: { sandbox: 'none' },
        resolvedDependencies: [
          { uri: 'https://a.example/x.tgz', digest: { sha256: 'ef'.repeat(32) } },
        ],
      },
      runDetails: { metadata: { startedOn: '1970-01-01T00:00:00.000Z' } },
    },
  })
})
