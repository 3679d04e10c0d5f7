/**
 * Names of packages, options and environments.
 *
 * Invariant: a parsed name is safe as a path segment, a repository name and a tag part.
 * Names of virtual packages (facts of the host) start with `__`; no recipe may have one.
 */
import { AppError } from '#kernel/index.ts'

const nameLengthMax = 100
const packagePattern = /^[a-z][a-z0-9]*(?:[._-]{1,2}[a-z0-9]+)*$/
const virtualPattern = /^__[a-z][a-z0-9_]*$/

/** Whether the text is a name of a package that has recipes and builds. */
export function isPackageName(text: string): boolean {
  return text.length <= nameLengthMax && packagePattern.test(text)
}

/** Whether the name is that of a virtual package such as `__glibc`. */
export function isVirtualName(text: string): text is `__${string}` {
  return text.length <= nameLengthMax && virtualPattern.test(text)
}

/**
 * The name of a package or of a virtual package.
 * @throws AppError `model/bad-name`, with the lower-case spelling as a hint where that helps.
 */
export function parsePackageName(text: string): string {
  if (isPackageName(text) || isVirtualName(text)) return text
  const likely = text.trim().toLowerCase().replaceAll(/\s+/g, '-')
  throw new AppError('model/bad-name', `'${text.slice(0, 120)}' is not a package name`, {
    hints: [
      ...(isPackageName(likely) ? [`Did you mean '${likely}'?`] : []),
      `Package names are lower case: a letter, then letters, digits, '.', '_' or '-'.`,
    ],
  })
}
