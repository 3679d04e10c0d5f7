/**
 * Text as JSON, quickly where nothing has to be escaped: most paths are plain.
 */

const plain = /^[\x20!#-[\]-~]*$/

/** What JSON.stringify gives. */
export function jsonText(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}
