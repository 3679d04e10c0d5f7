/**
 * The smallest OpenEXR file: one scan line of one pixel of one channel, not compressed.
 *
 * Source: the OpenEXR file layout, https://openexr.com/en/latest/OpenEXRFileLayout.html
 */
export function tinyExr(): Uint8Array {
  const box = [0, 0, 0, 0].map(int)
  const channel = Buffer.concat([text('Y'), int(1), int(0), int(1), int(1), text('')])
  const header = [
    attribute('channels', 'chlist', channel),
    attribute('compression', 'compression', Buffer.of(0)),
    attribute('dataWindow', 'box2i', Buffer.concat(box)),
    attribute('displayWindow', 'box2i', Buffer.concat(box)),
    attribute('lineOrder', 'lineOrder', Buffer.of(0)),
    attribute('pixelAspectRatio', 'float', float(1)),
    attribute('screenWindowCenter', 'v2f', Buffer.concat([float(0), float(0)])),
    attribute('screenWindowWidth', 'float', float(1)),
  ]
  const head = Buffer.concat([Buffer.of(0x76, 0x2f, 0x31, 0x01), int(2), ...header, text('')])
  const half = Buffer.of(0x00, 0x3c) // 1.0
  return Buffer.concat([head, long(head.byteLength + 8), int(0), int(half.byteLength), half])
}

function attribute(name: string, type: string, value: Buffer): Buffer {
  return Buffer.concat([text(name), text(type), int(value.byteLength), value])
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`)
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  return bytes
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}
