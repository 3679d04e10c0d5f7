import { expect, test } from 'bun:test'
import { parseImageConfig } from '#oci/index.ts'
import { imageConfig } from './config.ts'

test('a variable of the base without a value stays one, and values keep their equals signs', () => {
  const base = {
    os: 'linux',
    architecture: 'amd64',
    config: { Env: ['FLAG', 'A=b=c', 'PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [] },
  }
  const given = parseImageConfig(new TextEncoder().encode(JSON.stringify(base)), 'a base')

  const bytes = imageConfig({
    base: given,
    layers: [],
    target: 'linux-x86_64',
    settings: { environment: { B: '${A}' } },
    epochSeconds: 0,
  })

  const { config } = parseImageConfig(bytes, 'the image')
  expect(config?.Env).toEqual(['PATH=/bin', 'FLAG=', 'A=b=c', 'B=b=c'])
})
