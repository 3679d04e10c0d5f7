/**
 * What goes into a layer, in order, and how it is cut into pieces for the workers.
 *
 * Invariant: the plan depends on names, sizes and links alone, so equal folders give equal layers:
 * folders before what they hold, siblings in the order of their code units. What we would refuse to
 * unpack is not packed either. Links inside the prefix become relative.
 */
import { constants, lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { AppError } from '#kernel/index.ts'
import { type PackItem, type PackJob, packKinds } from './layer-jobs.ts'
import { caseClash, foldCase } from './name-case.ts'
import { chunkBytesMax, pieceBytesMax, type Room } from './layer-memory.ts'
import { checkBelow, checkName, checkTarget, relativeTarget } from './safe-path.ts'
import { headerBytesMax, roundUp } from './tar-write.ts'

const pieceItemsMax = 256

/** Items that are packed by one job. */
export interface Piece {
  readonly items: readonly PackItem[]
  /** Zeros that end the last file of the piece before. */
  readonly leadBytes: number
  readonly room: Room
}

/**
 * The entries below `folder`, sorted.
 * @throws AppError `store/pack-special-file`, `store/pack-link-escape`, `store/layer-bad-name`,
 *   `store/layer-outside-prefix`, `store/layer-case-clash`
 */
export function* walk(folder: string, prefix: string): Generator<PackItem> {
  const open = [levelOf(folder, '', prefix)]
  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const name = level.names[level.next]
    level.next += 1
    if (name === undefined) open.pop()
    else {
      const item = itemOf(folder, level, name, prefix)
      yield item
      if (item.type === 'dir') open.push(levelOf(folder, item.path, prefix))
    }
  }
}

/** A folder that is being walked. */
interface Level {
  /** Its path, '' for the root. */
  readonly below: string
  readonly isInside: boolean
  readonly names: readonly string[]
  next: number
}

function levelOf(folder: string, below: string, prefix: string): Level {
  const names = readdirSync(below === '' ? folder : `${folder}/${below}`).sort()
  checkSiblings(names, below)
  const isInside = below === prefix || below.startsWith(`${prefix}/`)
  return { below, isInside, names, next: 0 }
}

function itemOf(
  folder: string,
  { below, isInside }: Level,
  name: string,
  prefix: string,
): PackItem {
  const path = below === '' ? name : `${below}/${name}`
  checkName(name, path)
  if (!isInside) checkBelow(path, prefix)
  const full = `${folder}/${path}`
  const { mode, size } = lstatSync(full)
  switch (mode & constants.S_IFMT) {
    case constants.S_IFDIR:
      return { type: 'dir', path, size: 0 }
    case constants.S_IFREG:
      return { type: 'file', path, size, executable: (mode & 0o100) !== 0 }
    case constants.S_IFLNK: {
      const target = relativeTarget(path, readlinkSync(full), prefix)
      checkTarget(path, target, prefix)
      return { type: 'symlink', path, size: 0, target }
    }
    default:
      throw new AppError('store/pack-special-file', `${full} is not a file, folder or link`, {
        hints: ['Sockets, pipes and devices cannot be part of a package; remove it.'],
      })
  }
}

const noCapitals = /^[^A-Z\u0080-\uffff]*$/

/** @throws AppError `store/layer-case-clash` */
function checkSiblings(names: readonly string[], below: string): void {
  if (names.every((name) => noCapitals.test(name))) return
  const folded = new Map<string, string>()
  for (const name of names) {
    const fold = foldCase(name)
    const other = folded.get(fold)
    if (other !== undefined) throw caseClash(`${below}/${other}`, `${below}/${name}`)
    folded.set(fold, name)
  }
}

/** Cuts items into pieces as they come; a big file is a piece for each chunk. */
export function* pieces(items: Iterable<PackItem>): Generator<Piece> {
  let batch: PackItem[] = []
  let bytes = 0
  let leadBytes = 0
  const whole = (): Piece => {
    return { items: batch, leadBytes, room: bytes > pieceBytesMax ? 'large' : 'small' }
  }
  for (const item of items) {
    const itemBytes = headerBytesMax(`${item.path}/`, item.target) + roundUp(item.size)
    const isBig = item.size > chunkBytesMax
    const isFull = bytes + itemBytes > pieceBytesMax || batch.length === pieceItemsMax
    if (batch.length > 0 && (isBig || isFull)) {
      yield whole()
      leadBytes = padding(batch.at(-1))
      batch = []
      bytes = 0
    }
    if (isBig) {
      for (let offset = 0; offset < item.size; offset += chunkBytesMax) {
        const chunk = { offset, size: Math.min(chunkBytesMax, item.size - offset) }
        const lead = offset === 0 ? leadBytes : 0
        yield { items: [{ ...item, chunk }], leadBytes: lead, room: 'large' }
      }
      leadBytes = padding(item)
    } else {
      batch.push(item)
      bytes += itemBytes
    }
  }
  yield whole()
}

/** Zeros after the last item of all. */
export function padding(item: PackItem | undefined): number {
  return item === undefined ? 0 : roundUp(item.size) - item.size
}

/** Items in the form in which they are sent to a worker. */
export function packedItems(
  items: readonly PackItem[],
): Pick<PackJob, 'names' | 'numbers' | 'chunk'> {
  const numbers = new Float64Array(items.length * 2)
  let names = ''
  for (const [index, { type, path, target = '', size, executable }] of items.entries()) {
    names += `${index === 0 ? '' : '\0'}${path}\0${target}`
    numbers[index * 2] = packKinds[executable === true ? 'executable' : type]
    numbers[index * 2 + 1] = size
  }
  return { names, numbers, chunk: items[0]?.chunk }
}
