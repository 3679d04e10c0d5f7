/**
 * Manifests that programs read differently: a member that stands twice, of which some take the
 * first and some the last (RFC 8259, 4), and `Layers` beside `layers`, which are one for Go.
 *
 * Not here: whether the text is a manifest (`schema.ts`). What is stored already, or comes from
 * another registry, is not asked for this: there it would help nobody.
 */
import { AppError } from '#kernel/index.ts'

const memberNames = [
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'subject',
]
const spellings = new Map(memberNames.map((name) => [name.toLowerCase(), name]))

/** @throws AppError `oci/bad-manifest` for a manifest that other programs would read otherwise */
export function checkUnambiguous(bytes: Uint8Array): void {
  const text = new TextDecoder().decode(bytes)
  const value = parsed(text)
  if (value === undefined) return // Who parses it says what is wrong.
  const name = repeatedMember(text) ?? oddMember(value)
  if (name === undefined) return
  throw new AppError(
    'oci/bad-manifest',
    `The manifest has '${name.slice(0, 80)}' twice, or what some programs take for it`,
    { hints: ['Write each member once, and as the specification spells it.'] },
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function oddMember(value: unknown): string | undefined {
  const names = typeof value === 'object' && value !== null ? Object.keys(value) : []
  return names.find((name) => (spellings.get(name.toLowerCase()) ?? name) !== name)
}

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d

/** The first name that an object of a JSON text has twice. */
export function repeatedMember(text: string): string | undefined {
  const objects: Set<string>[] = []
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === openBrace) objects.push(new Set())
    else if (code === closeBrace) objects.pop()
    else if (code === quote) {
      const end = endOfString(text, at)
      if (isName(text, end)) {
        const name: unknown = JSON.parse(text.slice(at, end))
        const names = objects.at(-1)
        if (typeof name === 'string' && names?.has(name)) return name
        names?.add(String(name))
      }
      at = end - 1
    }
  }
  return undefined
}

/** Where a string that begins at `at` has ended. */
function endOfString(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end += 1) {
    const code = text.charCodeAt(end)
    if (code === backslash) end += 1
    else if (code === quote) return end + 1
  }
  return text.length
}

/** Whether a colon follows, after white space. */
function isName(text: string, end: number): boolean {
  for (let at = end; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code > 0x20) return code === colon
  }
  return false
}
