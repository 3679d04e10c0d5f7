/**
 * Reading rows of untrusted JSON: each value is checked where it is taken.
 *
 * A text is written as its place in the list of texts.
 */
export interface Reader {
  fail(why: string): never
  list(value: unknown): readonly unknown[]
  tuple(value: unknown, length: number): readonly unknown[]
  count(value: unknown): number
  text<T extends string>(value: unknown, meaning: string, check: (text: string) => text is T): T
}

/** A reader over the texts of one document. */
export function readerOf(texts: readonly string[], fail: (why: string) => never): Reader {
  const list = (value: unknown): readonly unknown[] =>
    Array.isArray(value) ? value : fail('a list was expected')
  return {
    fail,
    list,
    tuple: (value, length) => {
      const items = list(value)
      return items.length === length ? items : fail(`a list of ${length} was expected`)
    },
    count: (value) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
        ? value
        : fail('a count was expected'),
    text: <T extends string>(
      value: unknown,
      meaning: string,
      check: (text: string) => text is T,
    ): T => {
      const text = typeof value === 'number' ? texts[value] : undefined
      if (text === undefined) return fail(`${meaning} is missing`)
      return check(text) ? text : fail(`'${text.slice(0, 80)}' is not ${meaning}`)
    },
  }
}
