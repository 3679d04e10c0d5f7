/**
 * Finds the build's own paths in what it installed.
 *
 * A path in a file that other builds or people read (CMake, pkg-config, scripts, headers) breaks
 * them, so it is an error; in compiled code it is most often a message, so it is a warning.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { AppError } from '#kernel/index.ts'
import type { StagedFile } from './stage.ts'

export interface Leak {
  readonly path: string
  /** The text around it. */
  readonly excerpt: string
  readonly grave: boolean
}

const excerptBytes = 60
const windowBytes = 4 * 1024 * 1024
const shownMax = 8

/** All files that name one of `paths` (absolute folders of the build). */
export function findLeaks(files: readonly StagedFile[], paths: readonly string[]): Leak[] {
  const window = Buffer.alloc(windowBytes)
  return files.flatMap((file) =>
    file.link === undefined ? (leakIn(file, paths, window) ?? []) : [],
  )
}

/** Reads a window at a time: files of a build may be larger than the memory. */
function leakIn(
  { path, absolute }: StagedFile,
  paths: readonly string[],
  window: Buffer,
): Leak | undefined {
  const handle = openSync(absolute, 'r')
  const overlap = Math.max(...paths.map((one) => Buffer.byteLength(one))) + excerptBytes
  try {
    let grave = true
    let kept = 0
    for (let start = 0; ; start += windowBytes - overlap) {
      const length = kept + readSync(handle, window, kept, windowBytes - kept, start + kept)
      const bytes = window.subarray(0, length)
      if (start === 0) grave = isText(bytes)
      const at = paths.map((one) => bytes.indexOf(one)).find((found) => found >= 0)
      if (at !== undefined) return { path, excerpt: excerptAt(bytes, at), grave }
      if (length < windowBytes) return undefined
      window.copyWithin(0, windowBytes - overlap)
      kept = overlap
    }
  } finally {
    closeSync(handle)
  }
}

function excerptAt(bytes: Buffer, at: number): string {
  return bytes
    .subarray(Math.max(0, at - 12), at + excerptBytes)
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
}

/** Compiled files have zero bytes near their start; text has none. */
function isText(bytes: Uint8Array): boolean {
  return !bytes.subarray(0, 4096).includes(0)
}

/**
 * Refuses grave leaks and gives one warning for the others.
 * @throws AppError `build/leaked-path`
 */
export function judgeLeaks(leaks: readonly Leak[]): string[] {
  const grave = leaks.filter((leak) => leak.grave)
  if (grave.length > 0)
    throw new AppError(
      'build/leaked-path',
      `${grave.length} installed files name folders of the build:\n${listed(grave)}`,
      {
        hints: [
          'Patch the file, or its template, to use the prefix or a path relative to itself.',
          'CMake: @PACKAGE_INIT@ and $<INSTALL_INTERFACE:…>; pkg-config: ${prefix}.',
        ],
      },
    )
  if (leaks.length === 0) return []
  return [`${leaks.length} compiled files name folders of the build:\n${listed(leaks)}`]
}

function listed(leaks: readonly Leak[]): string {
  const lines = leaks.slice(0, shownMax).map((leak) => `  /${leak.path}: …${leak.excerpt}…`)
  const more = leaks.length > shownMax ? [`  and ${leaks.length - shownMax} more`] : []
  return [...lines, ...more].join('\n')
}
