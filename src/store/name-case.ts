/**
 * Names that some file systems take for one: those that differ only in case or Unicode form.
 */
import type { AppError } from '#kernel/index.ts'
import { refused, shown } from './errors.ts'

/** Equal for names that clash. */
export function foldCase(name: string): string {
  const lower = name.toLowerCase()
  if (isAscii(lower)) return lower
  // Lower first: the capital of `ß` has a lower case, and no upper case.
  return lower.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

/** The error for two names of one folder. */
export function caseClash(one: string, other: string): AppError {
  return refused('store/layer-case-clash', `${shown(one)} and ${shown(other)} differ only in case`)
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1)
    if (text.charCodeAt(index) > 127) return false
  return true
}
