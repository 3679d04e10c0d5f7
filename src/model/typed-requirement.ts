/**
 * Requirements as a person typed them: what is wrong is shown under the text.
 *
 * Invariant: reads exactly what `parseRequirement` reads. Where the fault lies is found by reading
 * parts of the text alone, so it cannot disagree with the parsers.
 */
import { AppError } from '#kernel/index.ts'
import { isPackageName, isVirtualName } from './name.ts'
import { parseRange } from './range.ts'
import { parseRequirement, type Requirement } from './requirement.ts'
import { type Part, underlined } from './underlined.ts'
import type { Scheme } from './version.ts'

/** @throws AppError as `parseRequirement`, with a caret below the place */
export function parseTypedRequirement(text: string, scheme: Scheme = 'native'): Requirement {
  try {
    return parseRequirement(text, scheme)
  } catch (error) {
    if (!(error instanceof AppError) || text.trim() === '') throw error
    const { code, message, hints } = error
    const fault = scheme === 'native' ? nativeFault(text) : rezFault(text)
    const { text: line, carets } = underlined(text, fault, columnsMax)
    const several = scheme === 'rez' && /[\s,]\s*[!~]?[A-Za-z_]/.test(text)
    const more = several ? ["Several requirements are several words: 'maya-2024' 'usd-24'."] : []
    throw new AppError(code, `${message}\n${line}\n${carets}`, {
      hints: [...hints, ...more],
      cause: error,
    })
  }
}

const columnsMax = 76

function nativeFault(text: string): Part {
  const start = lengthUntil(text, /[^\s!~]/)
  const rest = text.slice(start)
  const nameLength = lengthUntil(rest, /[\s[<>=!*|]/)
  const name = rest.slice(0, nameLength)
  if (!isPackageName(name) && !isVirtualName(name)) return nameFault(name, start, /[^a-z0-9._-]/)
  const open = rest.slice(nameLength).startsWith('[')
  const close = open ? rest.indexOf(']') : nameLength - 1
  const options = { at: start + nameLength, length: Math.max(1, close - nameLength + 1) }
  if (close < 0 || isFault(() => parseRequirement(rest.slice(0, close + 1)))) return options
  return rangeFault(rest.slice(close + 1), start + close + 1, 'native')
}

function rezFault(text: string): Part {
  const start = lengthUntil(text, /[^\s!~]/)
  const rest = text.slice(start)
  const nameLength = lengthUntil(rest, /[-@#=<>]/)
  const name = rest.slice(0, nameLength)
  if (!/^[A-Za-z0-9_.+]+$/.test(name)) return nameFault(name, start, /[^A-Za-z0-9_.+]/)
  const separator = /^[-@#]/.test(rest.slice(nameLength)) ? 1 : 0
  return rangeFault(rest.slice(nameLength + separator), start + nameLength + separator, 'rez')
}

function lengthUntil(text: string, stop: RegExp): number {
  const at = text.search(stop)
  return at < 0 ? text.length : at
}

function nameFault(name: string, start: number, wrong: RegExp): Part {
  const at = name.search(wrong)
  return at < 0 ? { at: start, length: name.length } : { at: start + at, length: 1 }
}

/** The first alternative that is wrong, and the first word in it that is wrong by itself. */
function rangeFault(range: string, start: number, scheme: Scheme): Part {
  let at = start
  for (const alternative of range.split('|')) {
    const isEmpty = alternative.trim() === ''
    if (isEmpty && scheme === 'native') return { at, length: alternative.length + 1 }
    if (!isEmpty && isFault(() => parseRange(alternative, scheme)))
      return wordFault(alternative, at, scheme)
    at += alternative.length + 1
  }
  return { at: start, length: range.length }
}

function wordFault(alternative: string, start: number, scheme: Scheme): Part {
  const strange = scheme === 'rez' ? /(?<=\S)\s+(?=\S)|[^\w.,<>=+\s-]/ : /[^\w.,<>=!*+\s-]/
  const found = alternative.search(strange)
  if (found >= 0) return { at: start + found, length: 1 }
  for (const { 0: word, index } of alternative.matchAll(/[^\s,]+/g))
    if (isFault(() => parseRange(word, scheme))) return { at: start + index, length: word.length }
  const before = alternative.length - alternative.trimStart().length
  return { at: start + before, length: alternative.trim().length }
}

function isFault(read: () => unknown): boolean {
  try {
    read()
    return false
  } catch (error) {
    if (error instanceof AppError) return true
    throw error
  }
}
