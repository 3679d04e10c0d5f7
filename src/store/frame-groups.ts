/**
 * Which zstd frames are decompressed by one job: neighbours, up to a size.
 *
 * Invariant: groups come in the order of the blob; a frame that promises nothing, or more than may
 * be held in memory, is a group of its own, to be streamed.
 */
import { roomBytes } from './layer-memory.ts'
import type { ZstdFrame } from './zstd-frames.ts'

/** Frames `[start, end)` of a blob. */
export interface FrameGroup {
  readonly start: number
  readonly end: number
  /** Undefined: the frame promises nothing, or too much to hold; it is streamed. */
  readonly outBytes: number | undefined
}

export interface FrameGroups {
  /** Adds a frame; gives the group before it when that is complete. */
  push(frame: ZstdFrame): FrameGroup | undefined
  /** The last group. */
  finish(): FrameGroup | undefined
}

const groupBytesMax = roomBytes.small
const heldBytesMax = roomBytes.large

/** Starts grouping the frames of a blob. */
export function frameGroups(): FrameGroups {
  let group: FrameGroup | undefined
  return {
    push: (frame) => {
      if (frame.isSkippable) return undefined
      const grown = group === undefined ? undefined : joined(group, frame)
      if (grown !== undefined) {
        group = grown
        return undefined
      }
      const done = group
      group = { start: frame.start, end: frame.end, outBytes: holdable(frame) }
      return done
    },
    finish: () => group,
  }
}

/** Both in one group, when they are neighbours and small enough. */
function joined(group: FrameGroup, frame: ZstdFrame): FrameGroup | undefined {
  const more = holdable(frame)
  if (group.outBytes === undefined || more === undefined) return undefined
  const outBytes = group.outBytes + more
  const isSmall = outBytes <= groupBytesMax && frame.end - group.start <= groupBytesMax
  if (!isSmall || frame.start !== group.end) return undefined
  return { start: group.start, end: frame.end, outBytes }
}

function holdable(frame: ZstdFrame): number | undefined {
  const { contentBytes = Number.POSITIVE_INFINITY } = frame
  const isHeld = contentBytes <= heldBytesMax && frame.end - frame.start <= heldBytesMax
  return isHeld ? contentBytes : undefined
}
