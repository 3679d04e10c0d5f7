/**
 * An image as one file that `docker load` and `podman load` read.
 *
 * Invariant: the file is there whole or not at all, and each layer in it hashes to its diff id.
 * Layers lie in it uncompressed, which every version of every engine reads.
 * Source: moby image/spec v1.2, "Combined Image JSON + Filesystem Changeset Format"; ustar(5).
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import {
  AppError,
  type Bytes,
  canonicalJson,
  digester,
  digestParts,
  explained,
  limited,
  limits,
  one,
  temporaryName,
  throwIfCancelled,
} from '#kernel/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { BakedImage, BakedLayer } from './bake.ts'
import { readBaseLayer } from './base.ts'

export interface ArchiveOptions {
  readonly path: string
  /** `NAME:TAG`s that the image gets when it is loaded. */
  readonly tags: readonly string[]
  /** Where the layers of builds are: the local store's blobs. */
  readonly from: BlobStore
  readonly signal?: AbortSignal | undefined
}

const blockBytes = 512

/**
 * Writes the archive, whole or not at all.
 * @throws AppError `image/bad-base` when a layer's bytes are not what its image says
 */
export async function writeDockerArchive(
  image: BakedImage,
  options: ArchiveOptions,
): Promise<{ readonly sizeBytes: number }> {
  const temporary = temporaryName(options.path)
  mkdirSync(dirname(options.path), { recursive: true })
  const file = openSync(temporary, 'wx')
  try {
    const writer = { file, at: 0 }
    const names: string[] = []
    for (const layer of image.layers) {
      const name = `${digestParts(layer.diffId).hex}.tar`
      if (!names.includes(name)) await writeEntry(writer, name, checkedLayer(layer, options))
      names.push(name)
    }
    const configName = `${digestParts(image.configDigest).hex}.json`
    await writeEntry(writer, configName, one(image.config))
    const index = [{ Config: configName, RepoTags: options.tags, Layers: names }]
    const text = new TextEncoder().encode(canonicalJson(index))
    await writeEntry(writer, 'manifest.json', one(text))
    append(writer, new Uint8Array(2 * blockBytes))
    fsyncSync(file)
    renameSync(temporary, options.path)
    return { sizeBytes: writer.at }
  } catch (error) {
    rmSync(temporary, { force: true })
    throw explained(error, options.path)
  } finally {
    closeSync(file)
  }
}

interface Writer {
  readonly file: number
  at: number
}

/** Streams an entry; its header is filled in when the size is known. */
async function writeEntry(writer: Writer, name: string, chunks: Bytes): Promise<void> {
  const headerAt = writer.at
  append(writer, new Uint8Array(blockBytes))
  for await (const chunk of chunks) append(writer, chunk)
  const sizeBytes = writer.at - headerAt - blockBytes
  append(writer, new Uint8Array((blockBytes - (sizeBytes % blockBytes)) % blockBytes))
  writeSync(writer.file, tarHeader(name, sizeBytes), 0, blockBytes, headerAt)
}

function append(writer: Writer, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) {
    const written = writeSync(writer.file, bytes, done, bytes.byteLength - done, writer.at)
    done += written
    writer.at += written
  }
}

/** A ustar header of a plain file of the year 1970; sizes over 8 GiB in base 256, as GNU does. */
function tarHeader(name: string, sizeBytes: number): Uint8Array {
  const header = Buffer.alloc(blockBytes)
  header.write(name, 0, 100, 'latin1')
  header.write('0000644\0', 100, 'latin1')
  header.write('0000000\0', 108, 'latin1')
  header.write('0000000\0', 116, 'latin1')
  if (sizeBytes < 8 ** 11) header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124)
  else {
    header.writeUInt8(0x80, 124)
    header.writeBigUInt64BE(BigInt(sizeBytes), 128)
  }
  header.write('00000000000\0', 136, 'latin1')
  header.write('        0', 148, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** The tar of a layer, checked against its diff id. */
async function* checkedLayer(layer: BakedLayer, options: ArchiveOptions): Bytes {
  const { descriptor, diffId, source } = layer
  const packed =
    source.kind === 'base'
      ? readBaseLayer(source.base, descriptor)
      : options.from.read(descriptor.digest)
  const hasher = digester(digestParts(diffId).algorithm)
  const what = `Layer ${descriptor.digest}`
  for await (const chunk of limited(unpacked(packed), limits.layerUnpackedBytesMax, what)) {
    throwIfCancelled(options.signal, 'Writing the archive')
    hasher.update(chunk)
    yield chunk
  }
  const actual = hasher.digest()
  if (actual !== diffId)
    throw new AppError('image/bad-base', `${what} unpacks to ${actual}, expected ${diffId}`, {
      hints: ['The image or build that it comes from is damaged; fetch it again.'],
    })
}

/** Decompresses by what the first bytes say, since media types are not always right. */
async function* unpacked(packed: Bytes): Bytes {
  const chunks = packed[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done === true) return
  const rest = async function* (): Bytes {
    yield first.value
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next())
      yield next.value
  }
  const magic = Buffer.from(first.value.subarray(0, 4)).toString('hex')
  if (magic.startsWith('1f8b')) yield* decoded(rest(), createGunzip())
  else if (magic === '28b52ffd' || /^5.2a4d18$/.test(magic))
    yield* decoded(rest(), createZstdDecompress())
  else yield* rest()
}

async function* decoded(packed: Bytes, decoder: NodeJS.ReadWriteStream): Bytes {
  const source = Readable.from(packed)
  source.on('error', (error) => decoder.emit('error', error))
  for await (const chunk of source.pipe(decoder)) if (chunk instanceof Uint8Array) yield chunk
}
