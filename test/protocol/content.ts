/** Content to push: blobs of given size from a seed, and manifests over them. */
import { type Bytes, type Digest, digestOf, one } from '#kernel/index.ts'
import {
  type BlobSource,
  type Descriptor,
  emptyBlob,
  type Manifest,
  mediaTypes,
} from '#oci/index.ts'

export interface TestBlob {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
  readonly source: BlobSource
}

/** Bytes that look random and are the same for the same seed. */
export function seededBytes(sizeBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let at = 0; at < sizeBytes; at += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state & 0xff
  }
  return bytes
}

export function blobOf(bytes: Uint8Array, mediaType: string = mediaTypes.layerTar): TestBlob {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength }
  return { descriptor, bytes, source: sourceOf(bytes) }
}

/** In pieces of 64 KiB, as a file would be read. */
export function sourceOf(bytes: Uint8Array): BlobSource {
  return {
    read: async function* (start: number): Bytes {
      for (let at = start; at < bytes.byteLength; at += 65_536)
        yield bytes.subarray(at, Math.min(at + 65_536, bytes.byteLength))
    },
  }
}

export interface TestManifest {
  readonly digest: Digest
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly descriptor: Descriptor
}

/** An artifact manifest over blobs, with an empty config. */
export function manifestOf(
  layers: readonly TestBlob[],
  more: Partial<Pick<Manifest, 'artifactType' | 'subject' | 'annotations'>> = {},
): TestManifest {
  const value = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: 'application/vnd.backlot.test',
    config: emptyBlob.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
    ...more,
  }
  return encoded(value, mediaTypes.manifest)
}

export function indexOf(manifests: readonly TestManifest[]): TestManifest {
  const value = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: manifests.map(({ descriptor }) => descriptor),
  }
  return encoded(value, mediaTypes.index)
}

export const emptyConfig: TestBlob = blobOf(emptyBlob.bytes, mediaTypes.empty)

export async function bytesOf(chunks: Bytes): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(chunks)))
}

export { one }

function encoded(value: object, mediaType: string): TestManifest {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  const digest = digestOf(bytes)
  return { digest, bytes, mediaType, descriptor: { mediaType, digest, size: bytes.byteLength } }
}

export async function bodyOf(answer: Response): Promise<Uint8Array> {
  return await answer.bytes()
}
