/**
 * The shape of `exports:` and `tests:` in backlot.yaml: what a build is held to.
 */
import { z } from 'zod'
import type {
  CmakeExport,
  Conditional,
  PackageTest,
  ProgramExport,
  RecipeExports,
} from './recipe.ts'
import { anyText, count, formed, oneOrMany, script, text } from './scalars.ts'
import { conditional, guarded } from './when-schema.ts'

const cmakeWord = formed(/^[A-Za-z0-9_][A-Za-z0-9_.:+-]*$/, 'is not a name that CMake takes')
const fileWord = formed(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/, 'is not a plain file name')
const moduleWord = formed(/^[A-Za-z_][A-Za-z0-9_.]*$/, 'is not a name of a Python module')

const cmakeExport = conditional({
  package: cmakeWord,
  version: formed(/^[0-9][0-9.]*$/, 'is not a version that find_package takes').optional(),
  targets: oneOrMany(cmakeWord).default([]),
  components: oneOrMany(cmakeWord).default([]),
}).transform(
  ({ version, when, ...entry }): Conditional<CmakeExport> => ({
    ...entry,
    ...(version !== undefined && { version }),
    ...guarded(when),
  }),
)

const programExport = z
  .union([
    fileWord.transform((name) => ({ name, args: ['--help'], exit: 0, when: undefined })),
    conditional({
      name: fileWord,
      args: z.array(anyText).default(['--help']),
      exit: count.default(0),
    }),
  ])
  .transform((entry): Conditional<ProgramExport> => {
    const { name, args, exit } = entry
    return { name, args, exit, ...guarded(entry.when) }
  })

type Named = Conditional<{ readonly name: string }>

function named(word: z.ZodType<string, string>) {
  return z.union([
    word.transform((name): Named => ({ name })),
    conditional({ name: word }).transform(
      (entry): Named => ({
        name: entry.name,
        ...guarded(entry.when),
      }),
    ),
  ])
}

/** `exports:` */
export const exportsSection = z
  .strictObject({
    cmake: oneOrMany(cmakeExport).default([]),
    'pkg-config': oneOrMany(named(fileWord)).default([]),
    programs: z.array(programExport).default([]),
    python: oneOrMany(named(moduleWord)).default([]),
  })
  .transform(({ 'pkg-config': pkgConfig, ...rest }): RecipeExports => ({ ...rest, pkgConfig }))

/** `tests:` */
export const testList = z
  .array(
    z.union([
      script.transform((body) => ({ name: undefined, script: body, when: undefined })),
      conditional({ name: text.optional(), script }),
    ]),
  )
  .transform((entries) =>
    entries.map(
      ({ name, script: body, when }, index): Conditional<PackageTest> => ({
        name: name ?? `test ${index + 1}`,
        script: body,
        ...guarded(when),
      }),
    ),
  )
