/**
 * A worker's part of views: hard links in a loop.
 *
 * Where links cannot go (another file system, too many links on one file) a reflink or a copy is
 * made. Not here: which links (`view.ts`).
 */
import { chmodSync, constants, copyFileSync, linkSync, rmSync } from 'node:fs'
import { systemCode } from '#kernel/index.ts'
import type { LinkJob } from './layer-jobs.ts'

/** Links every pair; counts the sources that are not there. */
export function linkAll(job: LinkJob): { missing: number } {
  let missing = 0
  for (let at = 0; at < job.pairs.length; ) {
    const middle = job.pairs.indexOf('\n', at)
    const end = job.pairs.indexOf('\n', middle + 1)
    const from = `${job.from}/${job.pairs.slice(at, middle)}`
    const to = `${job.to}/${job.pairs.slice(middle + 1, end)}`
    if (!linkOrCopy(from, to)) missing += 1
    at = end + 1
  }
  return { missing }
}

/** False when `from` is not there. */
export function linkOrCopy(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    switch (systemCode(error)) {
      case 'ENOENT':
        return false
      case 'EXDEV':
      case 'EMLINK':
      case 'EPERM':
      case 'ENOTSUP':
      case 'EOPNOTSUPP':
        return copyFile(from, to, from.endsWith('x') ? 0o555 : 0o444)
      default:
        throw error
    }
  }
}

/** A copy that shares blocks where the file system can; false when `from` is not there. */
export function copyFile(from: string, to: string, mode: number): boolean {
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    chmodSync(to, mode)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    rmSync(to, { force: true })
    throw error
  }
}
