import { expect, test } from 'bun:test'
import { digestOf } from '#kernel/index.ts'
import { mediaTypes } from './media-types.ts'
import {
  checkOneKind,
  childrenOf,
  parseImageConfig,
  parseManifest,
  referrerDescriptor,
  sizesIn,
} from './schema.ts'

const blob = { mediaType: mediaTypes.empty, digest: digestOf('{}'), size: 2 }
const base = { schemaVersion: 2, mediaType: mediaTypes.manifest, config: blob, layers: [] }

function parse(value: unknown, mediaType?: string) {
  return parseManifest(new TextEncoder().encode(JSON.stringify(value)), mediaType, 'it')
}

test('unknown members are kept, and null stands for absent', () => {
  const parsed = parse({ ...base, layers: null, annotations: null, subject: null, x: { y: 1 } })
  expect(parsed).toMatchObject({ kind: 'manifest', manifest: { layers: [], x: { y: 1 } } })
  expect(childrenOf(parsed)).toEqual([expect.objectContaining(blob)])
})

test('without any type the members decide', () => {
  const { mediaType: _, ...untyped } = base
  expect(parse(untyped).kind).toBe('manifest')
  expect(parse({ schemaVersion: 2, manifests: [] }).kind).toBe('index')
})

test.each([
  [{ ...base, mediaType: mediaTypes.index }, mediaTypes.manifest, /was given as/],
  [{ ...base, manifests: [] }, undefined, /both/],
  [{ ...base, schemaVersion: 1 }, undefined, /schemaVersion/],
  [{ ...base, config: { ...blob, size: -1 } }, undefined, /config.size/],
  [{ ...base, config: { ...blob, digest: 'sha256:x' } }, undefined, /config.digest/],
  [{ ...base, layers: [{}] }, undefined, /layers.0/],
  [{ ...base, mediaType: 'text/html' }, undefined, /no manifest/],
  ['text', undefined, /is wrong/],
  [null, undefined, /is wrong/],
])('%j as %s is refused', (value, mediaType, why) => {
  expect(() => parse(value, mediaType)).toThrow(why)
})

test('bytes that are not UTF-8 or not JSON are refused', () => {
  for (const bytes of [new Uint8Array([0xff, 0xfe]), new TextEncoder().encode('{"a":')])
    expect(() => parseManifest(bytes, undefined, 'it')).toThrow(/not JSON/)
})

test('the type that a referrers list shows falls back to that of the config', () => {
  const of = { digest: digestOf('m'), size: 9 }
  const shown = (value: object) => referrerDescriptor(parse(value), of).artifactType
  expect(shown({ ...base, artifactType: 'a/b' })).toBe('a/b')
  expect(shown(base)).toBe(mediaTypes.empty)
  expect(shown({ schemaVersion: 2, manifests: [] })).toBeUndefined()
})

test('an image configuration with the null that Go writes', () => {
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: null, Labels: null, Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: [digestOf('l')] },
    history: null,
  }
  const bytes = new TextEncoder().encode(JSON.stringify(config))
  expect(parseImageConfig(bytes, 'it')).toMatchObject({ config: { Cmd: ['sh'] } })
})

test('a blob of two sizes in one manifest is refused; layers from elsewhere are none', () => {
  const foreign = { ...blob, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar' }
  const layers = [blob, { ...foreign, size: 9 }]
  expect([...sizesIn(parse({ ...base, layers }), 'it')]).toEqual([[blob.digest, 2]])
  const twice = parse({ ...base, layers: [{ ...blob, size: 3 }] })
  expect(() => sizesIn(twice, 'it')).toThrow(/has 2 and 3 bytes/)
})

test('a manifest that is an index for others is refused', () => {
  const both = { ...base, mediaType: undefined, layers: undefined, manifests: [] }
  for (const type of [mediaTypes.manifest, mediaTypes.index])
    expect(() => checkOneKind(parse(both, type), 'it')).toThrow(/a member/)
  checkOneKind(parse(base), 'it')
  checkOneKind(parse({ schemaVersion: 2, manifests: [] }), 'it')
})
