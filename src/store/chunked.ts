/**
 * zstd:chunked: the table of contents, the tar-split, the footer and the annotations that let
 * podman (and our client) fetch single files of a layer.
 *
 * Source: containers/storage, pkg/chunked/internal/minimal/compression.go; docs/formats/layer.md.
 */
import { type Digest, digestOf } from '#kernel/index.ts'

export const annotationKeys = {
  tocChecksum: 'io.github.containers.zstd-chunked.manifest-checksum',
  tocPosition: 'io.github.containers.zstd-chunked.manifest-position',
  splitPosition: 'io.github.containers.zstd-chunked.tarsplit-position',
} as const

/** What podman before 4.6 wrote and reads: the same table under other names. */
export const olderKeys = {
  tocChecksum: 'io.containers.zstd-chunked.manifest-checksum',
  tocPosition: 'io.containers.zstd-chunked.manifest-position',
} as const

export const layerMediaType = 'application/vnd.oci.image.layer.v1.tar+zstd'
const skippableMagic = 0x184d2a50
const footerMagic = Buffer.from('GNUlInUx')

/** An entry of the table of contents; absent members are zero or empty. */
export interface TocEntry {
  readonly type: string
  readonly name: string
  readonly linkName?: string
  readonly mode?: number
  readonly size?: number
  readonly uid?: number
  readonly gid?: number
  readonly modtime?: string
  readonly digest?: string
  readonly offset?: number
  readonly endOffset?: number
  readonly chunkSize?: number
  readonly chunkOffset?: number
  readonly chunkDigest?: string
  readonly xattrs?: Readonly<Record<string, string>>
  readonly devMajor?: number
  readonly devMinor?: number
}

/** A part of a layer that is compressed data in a skippable frame. */
export interface Compressed {
  readonly bytes: Uint8Array
  readonly uncompressedBytes: number
}

/** What follows the data frames, and the annotations that say where it is. */
export function chunkedTail(
  dataBytes: number,
  toc: Compressed,
  split: Compressed,
): { parts: readonly Uint8Array[]; annotations: Record<string, string> } {
  const tocOffset = dataBytes + 8
  const splitOffset = tocOffset + toc.bytes.byteLength + 8
  const footer = Buffer.alloc(64)
  const words = [
    tocOffset,
    toc.bytes.byteLength,
    toc.uncompressedBytes,
    1,
    splitOffset,
    split.bytes.byteLength,
    split.uncompressedBytes,
  ]
  for (const [index, word] of words.entries()) footer.writeBigUInt64LE(BigInt(word), index * 8)
  footerMagic.copy(footer, 56)
  const tocWords = [tocOffset, toc.bytes.byteLength, toc.uncompressedBytes, 1]
  const splitWords = [splitOffset, split.bytes.byteLength, split.uncompressedBytes]
  return {
    parts: [...skippable(toc.bytes), ...skippable(split.bytes), ...skippable(footer)],
    annotations: {
      [annotationKeys.tocChecksum]: digestOf(toc.bytes),
      [annotationKeys.tocPosition]: tocWords.join(':'),
      [annotationKeys.splitPosition]: splitWords.join(':'),
    },
  }
}

/** The table of contents up to its entries, which follow in the order of the tar. */
export const tocHead = '{"version":1,"entries":['

/** What follows the entries. */
export function tocTail(splitDigest: Digest): string {
  return `],"tarSplitDigest":"${splitDigest}"}`
}

/** A time as Go writes it. */
export function tocTime(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace('.000Z', 'Z')
}

export interface TocPlace {
  readonly offset: number
  readonly length: number
  readonly uncompressed: number
  readonly checksum: string
}

/** Where the annotations say that a table of contents is, one for each dialect that says so. */
export function tocPlaces(
  annotations: Readonly<Record<string, string>> = {},
): readonly (TocPlace | 'bad')[] {
  return [annotationKeys, olderKeys].flatMap((keys): (TocPlace | 'bad')[] => {
    const position = annotations[keys.tocPosition]
    const checksum = annotations[keys.tocChecksum]
    if (position === undefined && checksum === undefined) return []
    const match = /^(\d{1,15}):(\d{1,15}):(\d{1,15}):1$/.exec(position ?? '')
    if (match === null || checksum === undefined) return ['bad']
    const [offset = 0, length = 0, uncompressed = 0] = match.slice(1).map(Number)
    return [{ offset, length, uncompressed, checksum }]
  })
}

function skippable(bytes: Uint8Array): readonly Uint8Array[] {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(skippableMagic, 0)
  head.writeUInt32LE(bytes.byteLength, 4)
  return [head, bytes]
}
