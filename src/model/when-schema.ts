/**
 * Conditions, and what they guard: requirements and values that hold only at times.
 */
import { AppError } from '#kernel/index.ts'
import { z } from 'zod'
import { isVirtualName, parsePackageName } from './name.ts'
import { parseRange } from './range.ts'
import type {
  Conditional,
  ConditionalRequirement,
  ConditionalValue,
  Provision,
  When,
} from './recipe.ts'
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
import { parseVersion } from './version.ts'
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

/** `jpeg` with the version of the package, or `jpeg 62.3` with its own. */
const provisionText = readBy((value): Provision => {
  const [name = '', version, ...more] = value.trim().split(/\s+/)
  if (more.length > 0)
    throw new AppError('model/bad-requirement', `'${value.slice(0, 160)}' is not a provided name`, {
      hints: ["Write a name and at most one version: 'jpeg', 'jpeg 62.3'."],
    })
  const parsed = { name: parsePackageName(name) }
  if (isVirtualName(name))
    throw new AppError('model/bad-name', `'${name}' is a fact about a host, not a package`, {
      hints: ['What a package answers to is a name without two underscores before it.'],
    })
  return version === undefined ? parsed : { ...parsed, version: parseVersion(version) }
})

/** `provides` */
export const provisionList = z.array(
  z.union([
    provisionText,
    conditional({ provide: provisionText }).transform(
      (entry): Conditional<Provision> => ({ ...entry.provide, ...guarded(entry.when) }),
    ),
  ]),
)

export const packageName = readBy(parsePackageName)

/** `true` and `false` in a record of option values become switches. */
function optionValues(options: Record<string, string>): Record<string, OptionValue> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, optionValueOf(value)]),
  )
}
