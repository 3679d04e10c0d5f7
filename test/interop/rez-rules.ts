/**
 * Whether an answer keeps Rez's rules, judged from the definitions as they were written.
 *
 * Shares nothing with what solves: it reads requirements itself, and knows only the forms of ranges
 * that occur in Rez's benchmark and in the tests. Tokens compare as Rez does: runs of digits as
 * numbers, letters before numbers, a prefix before what is longer.
 */
export interface Definition {
  readonly name: string
  readonly version: string
  readonly requires?: readonly string[]
  readonly variants?: readonly (readonly string[])[]
}

export interface Chosen {
  readonly name: string
  readonly version: string
  readonly variant: number | null
}

/** Definitions by the name of their family. */
export function byFamily(all: readonly Definition[]): ReadonlyMap<string, readonly Definition[]> {
  return Map.groupBy(all, ({ name }) => name)
}

/** What is wrong with an answer, in words; empty when it is valid. */
export function brokenRules(
  definitions: ReadonlyMap<string, readonly Definition[]>,
  request: readonly string[],
  answer: readonly Chosen[],
): string[] {
  const present = new Map(answer.map((one) => [one.name, one]))
  const broken = present.size < answer.length ? ['a package is chosen twice'] : []
  const wanted = new Set<string>()
  const check = (by: string, text: string): void => {
    const [, sign = '', name = '', range = ''] =
      /^([!~]?)([\w.]+?)(?:-|(?=[<>=])|$)(.*)$/.exec(text) ?? []
    if (name.startsWith('.')) return
    const own = present.get(name)
    if (sign === '') wanted.add(name)
    if (own === undefined) {
      if (sign === '') broken.push(`${by} requires ${name}, which is absent`)
    } else if (isIn(range, own.version) === (sign === '!'))
      broken.push(`${by} says ${text}, but ${name} is ${own.version}`)
  }
  for (const text of request) check('the request', text)
  for (const { name, version, variant } of answer) {
    const found = definitions.get(name)?.find((one) => one.version === version)
    const variants = found?.variants ?? []
    if (found === undefined) broken.push(`${name} ${version} does not exist`)
    if (variants.length > 0 ? variants[variant ?? -1] === undefined : variant !== null)
      broken.push(`${name} ${version} has no variant ${variant}`)
    for (const text of [...(found?.requires ?? []), ...(variants[variant ?? -1] ?? [])])
      check(name, text)
  }
  for (const name of present.keys()) if (!wanted.has(name)) broken.push(`nobody requires ${name}`)
  return broken
}

/** Whether a version is in a range: `1.2`, `==1`, `1+`, `>=1`, `<2`, `1+<2`, `1..2`, with `|`. */
function isIn(range: string, version: string): boolean {
  return range.split('|').some((part) => isInPart(part, version))
}

function isInPart(part: string, version: string): boolean {
  if (part === '') return true
  const between = /^([^<>=+]+)\.\.(.+)$/.exec(part)
  if (between !== null) {
    const [, low = '', high = ''] = between
    return compare(version, low) >= 0 && compare(version, high) <= 0
  }
  const bounds = [...part.matchAll(/(==|>=|>|<=|<)?([\w.-]*\w)(\+)?,?/g)]
  return bounds.every(([, operator, bound = '', plus]) => {
    const order = compare(version, bound)
    if (operator === '==') return order === 0
    if (operator === '<') return order < 0
    if (operator === '<=') return order <= 0
    if (operator === '>') return order > 0
    if (operator === '>=' || plus === '+') return order >= 0
    return isBelow(tokens(version), tokens(bound))
  })
}

/** Whether a version is another, or one with more tokens behind. */
function isBelow(version: readonly string[], prefix: readonly string[]): boolean {
  return prefix.length <= version.length && prefix.every((token, at) => token === version[at])
}

function tokens(version: string): string[] {
  return version === '' ? [] : version.split(/[.-]/)
}

export function compare(a: string, b: string): number {
  const [left, right] = [tokens(a), tokens(b)]
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const order = compareTokens(left[at] ?? '', right[at] ?? '')
    if (order !== 0) return order
  }
  return left.length - right.length
}

function compareTokens(a: string, b: string): number {
  const [left, right] = [a, b].map((token) => token.match(/\d+|[^\d]+/g) ?? [])
  if (left === undefined || right === undefined) return 0
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const order = compareRuns(left[at] ?? '', right[at] ?? '')
    if (order !== 0) return order
  }
  return left.length - right.length
}

function compareRuns(a: string, b: string): number {
  const [isNumber, isOther] = [/\d/.test(a), /\d/.test(b)]
  if (isNumber !== isOther) return isNumber ? 1 : -1
  if (isNumber && Number(a) !== Number(b)) return Number(a) - Number(b)
  // Equal numbers: the one with more zeros before it is smaller.
  return isNumber ? b.length - a.length : a === b ? 0 : a < b ? -1 : 1
}
