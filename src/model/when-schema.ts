/**
 * Conditions, and what they guard: requirements and values that hold only at times.
 */
import { z } from 'zod'
import { parsePackageName } from './name.ts'
import { parseRange } from './range.ts'
import type { ConditionalRequirement, ConditionalValue, When } from './recipe.ts'
import {
  allowedVersions,
  isOptionName,
  type OptionValue,
  optionValueOf,
  parseRequirement,
} from './requirement.ts'
import { anyText, formed, oneOrMany, readBy, text } from './scalars.ts'
import { didYouMean } from './suggest.ts'
import { targets } from './target.ts'
import { isBoundedAbove } from './version-set.ts'

export const optionName = text.refine(
  isOptionName,
  'is not an option name: lower case, digits, `_` and `-`',
)

const systems = [...new Set(targets.map((target) => target.slice(0, target.indexOf('-'))))]

const targetOrSystem = text.superRefine((value, context) => {
  const known = [...targets, ...systems]
  if (known.includes(value)) return
  const near = didYouMean(value, known)
  const hint = near ? ` (did you mean '${near}'?)` : `: ${known.join(', ')}`
  context.addIssue({ code: 'custom', message: `'${value}' is no target and no system${hint}` })
})

/** `when:` */
const when = z
  .strictObject({
    version: readBy((value) => parseRange(value)).optional(),
    option: z.record(optionName, formed(/^\S+$/, 'is not the value of an option')).optional(),
    target: oneOrMany(targetOrSystem).optional(),
  })
  .transform(
    ({ version, option, target }): When => ({
      ...(version && { version }),
      ...(option && { options: optionValues(option) }),
      ...(target && { targets: target }),
    }),
  )

/** A schema's object with an optional `when`. */
export function conditional<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject({ ...shape, when: when.optional() })
}

/** The member that `when` becomes: absent, or there. */
export function guarded(condition: When | undefined): { readonly when?: When } {
  return condition ? { when: condition } : {}
}

const guardedValue = conditional({ value: anyText })

/** One value, or several with conditions of which the first that holds counts. */
export const conditionalValues = z.union([
  anyText.transform((value): readonly ConditionalValue[] => [{ value }]),
  oneOrMany(guardedValue).transform((entries): readonly ConditionalValue[] =>
    entries.map((entry) => ({ value: entry.value, ...guarded(entry.when) })),
  ),
])

const requirementText = readBy((value) => parseRequirement(value))

/** One entry of `requires`; its reason is wanted where it leaves newer versions out. */
const requirementEntry = z
  .union([
    requirementText.transform((require) => ({ require, reason: undefined, when: undefined })),
    conditional({
      require: requirementText,
      reason: text.optional().describe('Why newer versions are left out; needed where they are.'),
    }),
  ])
  .transform((entry, context): ConditionalRequirement => {
    const { require: requirement, reason } = entry
    if (reason === undefined && isBoundedAbove(allowedVersions(requirement)))
      context.addIssue({
        code: 'custom',
        message:
          `'${requirement.text}' leaves newer versions out and gives no reason; ` +
          `write { require: "${requirement.text}", reason: "…" }, or let newer ones in`,
      })
    return { requirement, ...(reason !== undefined && { reason }), ...guarded(entry.when) }
  })

export const requirementList = z
  .array(requirementEntry)
  .transform((entries): readonly ConditionalRequirement[] => entries)

export const packageName = readBy(parsePackageName)

/** `true` and `false` in a record of option values become switches. */
function optionValues(options: Record<string, string>): Record<string, OptionValue> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, optionValueOf(value)]),
  )
}
