/**
 * The scalars of backlot.yaml as zod schemas: text in, a checked value out.
 */
import { AppError } from '#kernel/index.ts'
import { z } from 'zod'

const textLengthMax = 4096
const scriptLengthMax = 65_536

/** Text that says something. */
export const text = z.string().trim().min(1, 'is empty').max(textLengthMax, 'is too long')

/** Text that may be empty. */
export const anyText = z.string().max(textLengthMax, 'is too long')

export const script = z.string().min(1, 'is empty').max(scriptLengthMax, 'is too long')

export const flag = z
  .enum(['true', 'false'])
  .meta({ yaml: 'boolean' })
  .transform((value) => value === 'true')

export const count = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,8})$/, 'is not a whole number')
  .meta({ yaml: 'integer' })
  .transform(Number)

/** Text that a function reads; what the function throws becomes the complaint. */
export function readBy<T>(parse: (value: string) => T) {
  return text.transform((value, context): T => {
    try {
      return parse(value)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const [hint] = error.hints
      context.addIssue({
        code: 'custom',
        message: hint ? `${error.message}. ${hint}` : error.message,
      })
      return z.NEVER
    }
  })
}

/** A list, or one item that stands for a list of one. */
export function oneOrMany<T extends z.ZodType>(item: T) {
  return z.union([z.array(item), item.transform((value) => [value])])
}

/** Text of a certain form. */
export function formed(pattern: RegExp, complaint: string) {
  return text.regex(pattern, complaint)
}

export const sha256 = formed(
  /^[0-9a-fA-F]{64}$/,
  'is not a SHA-256: 64 hexadecimal digits',
).transform((value) => value.toLowerCase())

/** A relative path that stays inside the folder it is relative to. */
export const innerPath = text.refine(
  (path) => !isRooted(path) && !path.split(/[\\/]/).includes('..'),
  'is not a relative path inside the folder of this file',
)

export const relativePath = text.refine((path) => !isRooted(path), 'is not a relative path')

/** Seconds since 1970, as such or as an ISO 8601 date. */
export const epoch = formed(
  /^(?:[0-9]{1,11}|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:]{5,8}Z)?)$/,
  'is neither seconds since 1970 nor a date such as 2022-10-14',
)
  .transform((value) => (/^[0-9]+$/.test(value) ? Number(value) : Date.parse(value) / 1000))
  .refine(Number.isSafeInteger, 'is not a date')

export const variableName = formed(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a name of a variable')

function isRooted(path: string): boolean {
  return (
    path.startsWith('/') || path.startsWith('\\') || /^[A-Za-z]:/.test(path) || path.includes('\0')
  )
}
