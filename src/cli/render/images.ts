/** How results about images and registries look. */
import type { ImageBuildResult, TransferResult } from '#app/index.ts'
import { count, duration, size } from '../human.ts'
import type { Page } from '../page.ts'

export function imageText(result: ImageBuildResult, { paint }: Page): string {
  const { reference, digest, layers, sizeBytes, sentPayloadBytes, durationMs } = result
  return [
    `${paint.bold(reference)}: ${count(layers, 'layer')}, ${size(sizeBytes)}, made in ${duration(durationMs)}`,
    paint.dim(`${digest}, ${size(sentPayloadBytes)} of payload sent`),
  ].join('\n')
}

export function transferText(result: TransferResult, { paint }: Page): string {
  const { reference, digest, sentBytes, receivedBytes, durationMs } = result
  const moved = `${size(receivedBytes)} received, ${size(sentBytes)} sent`
  return [
    `Copied to ${paint.bold(reference)} in ${duration(durationMs)}: ${moved}`,
    paint.dim(digest),
  ].join('\n')
}

export function serveText(
  { url, data }: { readonly url: string; readonly data: string },
  { paint }: Page,
): string {
  return [
    `Serving ${paint.bold(url)} from ${data}`,
    paint.dim('Ctrl-C stops it; what was acknowledged is safe whenever it stops'),
  ].join('\n')
}
