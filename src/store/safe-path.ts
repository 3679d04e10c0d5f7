/**
 * Which names and links a layer may hold.
 *
 * Invariant: an accepted path is relative, below the prefix or one of its parents, and plain: no
 * `.`, `..`, empty part, backslash, control character. An accepted link is relative and climbs
 * only at its start and never above the prefix; since parents are real folders (`layer-tree.ts`),
 * following it, and any link behind it, stays below the prefix.
 */
import { AppError, limits } from '#kernel/index.ts'
import { refused, shown } from './errors.ts'

/** Where a build's files live in a layer. */
export const defaultPrefix = 'usr/local'

/**
 * A name of a tar entry as a plain path, '' for the root.
 * @throws AppError `store/layer-absolute-path`, `…-parent-path`, `…-bad-name`, `…-outside-prefix`
 */
export function safePath(name: string, prefix: string): string {
  if (name.startsWith('/')) throw refused('store/layer-absolute-path', `${shown(name)} is absolute`)
  let path = name.startsWith('./') ? name.slice(2) : name
  if (path.endsWith('/')) path = path.slice(0, -1)
  if ((path === '' && name !== '') || path === '.') return ''
  for (const part of path.split('/')) {
    if (part === '..') throw refused('store/layer-parent-path', `${shown(name)} climbs with \`..\``)
    if (part === '.') throw badName(name)
    checkName(part, path)
  }
  checkBelow(path, prefix)
  return path
}

/** One part of a path, and the length of that path. @throws AppError `store/layer-bad-name` */
export function checkName(part: string, path: string): void {
  if (part === '' || hasBadCharacter(part) || isLonger(part, 255)) throw badName(path)
  if (isLonger(path, limits.layerPathBytesMax)) throw badName(path)
}

/** Whether a path lies below the prefix or leads to it. @throws AppError `…-outside-prefix` */
export function checkBelow(path: string, prefix: string): void {
  if (prefix === '' || path === prefix) return
  if (path.startsWith(`${prefix}/`) || prefix.startsWith(`${path}/`)) return
  throw refused('store/layer-outside-prefix', `${shown(path)} is not below ${prefix}`)
}

function badName(name: string): AppError {
  return refused('store/layer-bad-name', `${shown(name)} is not a name that files may have`)
}

/** No character of a string takes more than three bytes. */
function isLonger(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax
}

/** Control characters, backslash, and what UTF-8 decoding gives for bytes that are none. */
function hasBadCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code === 0x7f || code === 0x5c || code === 0xfffd) return true
  }
  return false
}

/** @throws AppError `store/layer-link-escape`, `store/layer-bad-name` */
export function checkTarget(path: string, target: string, prefix: string): void {
  if (
    target === '' ||
    hasBadCharacter(target) ||
    Buffer.byteLength(target) > limits.layerPathBytesMax
  )
    throw refused('store/layer-bad-name', `the target of the link ${shown(path)} is no path`)
  if (!staysInside(path, target, prefix))
    throw refused(
      'store/layer-link-escape',
      `the link ${shown(path)} leads to ${shown(target)}, outside of ${prefix || 'the tree'}`,
    )
}

function staysInside(path: string, target: string, prefix: string): boolean {
  if (target.startsWith('/')) return false
  const roof = prefix === '' ? 0 : prefix.split('/').length
  let depth = path.split('/').length - 1
  let descended = false
  for (const part of target.split('/')) {
    if (part === '..') {
      depth -= 1
      if (descended || depth < roof) return false
    } else if (part !== '' && part !== '.') descended = true
  }
  return depth >= roof
}

/**
 * A link's target as it goes into a layer: relative, climbing only at its start.
 * @throws AppError `store/pack-link-escape`
 */
export function relativeTarget(path: string, target: string, prefix: string): string {
  const root = `/${prefix}`
  const inside = target === root || target.startsWith(prefix === '' ? '/' : `${root}/`)
  const folder = path.split('/').slice(0, -1)
  const plain = inside ? relativeFrom(folder, target.split('/').filter(Boolean)) : target
  const tidy = plain.split('/').filter((part, index) => part !== '.' || index === 0)
  const text = tidy.length > 1 && tidy[0] === '.' ? tidy.slice(1).join('/') : tidy.join('/')
  if (text !== '' && !hasBadCharacter(text) && staysInside(path, text, prefix)) return text
  throw new AppError(
    'store/pack-link-escape',
    `The link ${shown(path)} leads to ${shown(target)}, outside of /${prefix}`,
    { hints: ['Link with a relative path that stays in the package, or install a copy.'] },
  )
}

function relativeFrom(folder: readonly string[], target: readonly string[]): string {
  let common = 0
  while (common < folder.length && folder[common] === target[common]) common += 1
  const up = folder.slice(common).map(() => '..')
  return [...up, ...target.slice(common)].join('/') || '.'
}
