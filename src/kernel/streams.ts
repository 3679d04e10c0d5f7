/**
 * Byte streams: bounded, checked, one chunk held at a time.
 */
import { type Digest, digester, digestParts } from './digest.ts'
import { AppError } from './errors.ts'

export type Bytes = AsyncIterable<Uint8Array>

/** @throws AppError `kernel/too-large` when more than `maxBytes` arrive. */
export async function* limited(chunks: Bytes, maxBytes: number, what: string): Bytes {
  let sizeBytes = 0
  for await (const chunk of chunks) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > maxBytes)
      throw new AppError('kernel/too-large', `${what} is larger than ${maxBytes} bytes`)
    yield chunk
  }
}

/** All bytes of a stream that is known to be small. @throws AppError `kernel/too-large` */
export async function readAll(chunks: Bytes, maxBytes: number, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of limited(chunks, maxBytes, what)) parts.push(chunk)
  return new Uint8Array(Buffer.concat(parts))
}

export async function* one(bytes: Uint8Array): Bytes {
  yield bytes
}

/** The digest and size of a stream, holding one chunk at a time. */
export async function measure(
  chunks: Bytes,
  like: Digest,
): Promise<{ digest: Digest; sizeBytes: number }> {
  const hasher = digester(digestParts(like).algorithm)
  let sizeBytes = 0
  for await (const chunk of chunks) {
    hasher.update(chunk)
    sizeBytes += chunk.byteLength
  }
  return { digest: hasher.digest(), sizeBytes }
}
