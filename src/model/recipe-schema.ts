/**
 * The shape of `package:` in backlot.yaml, and how it becomes a `Recipe`.
 *
 * Invariant: what passes can be built by without further checks: names are safe as arguments and
 * as paths, every range that leaves newer versions out has its reason, every `when:` names
 * options that exist.
 */
import { z } from 'zod'
import { exportsSection, testList } from './exports-schema.ts'
import { isVirtualName } from './name.ts'
import type { OptionDeclaration, Recipe, SystemProbe, VersionEntry, When } from './recipe.ts'
import { optionValueOf } from './requirement.ts'
import { formed, oneOrMany, text } from './scalars.ts'
import { distributionPackage, versionEntry } from './source-schema.ts'
import { buildSection } from './step-schema.ts'
import { didYouMean } from './suggest.ts'
import { compareVersions } from './version.ts'
import { optionName, packageName, provisionList, requirementList } from './when-schema.ts'

const spdx = formed(
  /^[A-Za-z0-9(][A-Za-z0-9.+\-:() ]{0,300}$/,
  'is not an SPDX licence expression such as BSD-3-Clause',
)
const optionText = formed(/^[A-Za-z0-9._+-]{1,100}$/, 'is not the value of an option')

const optionDeclaration = z
  .union([
    optionText.transform((value) => ({ default: value, values: undefined, summary: '' })),
    z.strictObject({
      default: optionText,
      values: z.array(optionText).min(1, 'has no value').optional(),
      summary: z.string().default(''),
    }),
  ])
  .transform((entry, context): OptionDeclaration => {
    const { values, summary } = entry
    const chosen = values ? entry.default : optionValueOf(entry.default)
    if (values && !values.includes(entry.default))
      context.addIssue({ code: 'custom', message: `'${entry.default}' is not one of its values` })
    if (!values && typeof chosen === 'string')
      context.addIssue({
        code: 'custom',
        message: "is neither true nor false, and has no 'values'",
      })
    return { default: chosen, ...(values && { values }), summary }
  })

/** The patterns that probes need have neither; both can take exponential time. */
const hardPattern = /\(\?[=!<]|\\[1-9]|\)[*+{]/

const probePattern = text.max(200, 'is too long').superRefine((pattern, context) => {
  if (!isRegExp(pattern))
    context.addIssue({ code: 'custom', message: 'is not a regular expression' })
  else if (hardPattern.test(pattern))
    context.addIssue({ code: 'custom', message: 'repeats a group, looks around or back' })
  else if (!/\((?!\?:)/.test(pattern))
    context.addIssue({ code: 'custom', message: 'has no group for the version' })
})

function isRegExp(pattern: string): boolean {
  try {
    return RegExp(pattern) instanceof RegExp
  } catch {
    return false
  }
}

const probe = z.union([
  z
    .strictObject({ 'pkg-config': distributionPackage })
    .transform((entry): SystemProbe => ({ kind: 'pkg-config', name: entry['pkg-config'] })),
  z
    .strictObject({ dpkg: distributionPackage })
    .transform((entry): SystemProbe => ({ kind: 'dpkg', name: entry.dpkg })),
  z
    .strictObject({ rpm: distributionPackage })
    .transform((entry): SystemProbe => ({ kind: 'rpm', name: entry.rpm })),
  z
    .strictObject({ program: oneOrMany(text), pattern: probePattern })
    .transform(
      ({ program, pattern }): SystemProbe => ({ kind: 'program', argv: program, pattern }),
    ),
])

const systemSection = z.strictObject({
  detect: oneOrMany(probe),
  install: z
    .record(
      formed(/^[a-z][a-z0-9_-]*$/, 'is not an id of a distribution'),
      oneOrMany(distributionPackage),
    )
    .default({}),
})

const packageShape = z.strictObject({
  name: packageName
    .refine((name) => !isVirtualName(name), 'is the name of a fact about a host')
    .describe('Lower case, as requirements name it.'),
  summary: z.string().default('').describe('One line about what it is.'),
  homepage: text.optional(),
  license: spdx.optional().describe('SPDX licence expression; needed for kind build.'),
  kind: z
    .enum(['build', 'system'])
    .default('build')
    .describe('Built from source, or provided by the operating system.'),
  versions: z.array(versionEntry).optional().describe('Versions and their sources, newest first.'),
  options: z
    .record(optionName, optionDeclaration)
    .default({})
    .describe('What a build may be asked for, by name.'),
  provides: provisionList.default([]).describe('Other names that it answers to: jpeg 62.'),
  requires: requirementList.default([]).describe('Needed when the package is used.'),
  'run-requires': requirementList
    .default([])
    .describe('Needed when the package is used, but not while it is built.'),
  'build-requires': requirementList.default([]).describe('Needed only while it is built.'),
  build: buildSection.optional().describe('How it is built.'),
  exports: exportsSection
    .default({ cmake: [], pkgConfig: [], programs: [], python: [] })
    .describe('What others use of it; checked by a consumer after each build.'),
  tests: testList.default([]).describe('Scripts that run against the installed package.'),
  system: systemSection.optional().describe('Kind system: how to find and install it.'),
})

type Complain = (path: readonly PropertyKey[], message: string) => void

/** `package:` */
export const packageSection = packageShape.transform((entry, context): Recipe => {
  const complain: Complain = (path, message) =>
    context.addIssue({ code: 'custom', path: [...path], message })
  checkKind(entry, complain)
  const recipe: Recipe = {
    name: entry.name,
    summary: entry.summary,
    ...(entry.homepage !== undefined && { homepage: entry.homepage }),
    license: entry.license ?? '',
    kind: entry.kind,
    versions: newestFirst(entry.versions ?? [], complain),
    options: entry.options,
    provides: entry.provides,
    requires: entry.requires,
    runRequires: entry['run-requires'],
    buildRequires: entry['build-requires'],
    steps: entry.build?.steps ?? [],
    environment: entry.build?.environment ?? {},
    exports: entry.exports,
    tests: entry.tests,
    ...(entry.system && { system: entry.system }),
  }
  checkOptions(recipe, complain)
  checkProvisions(recipe, complain)
  return recipe
})

function checkKind(entry: z.output<typeof packageShape>, complain: Complain): void {
  const wanted =
    entry.kind === 'build' ? (['versions', 'build', 'license'] as const) : (['system'] as const)
  const barred = entry.kind === 'build' ? (['system'] as const) : (['versions', 'build'] as const)
  for (const key of wanted)
    if (entry[key] === undefined)
      complain([], `a package of kind '${entry.kind}' needs '${key}', which is missing`)
  for (const key of barred)
    if (entry[key] !== undefined)
      complain([key], `a package of kind '${entry.kind}' has no '${key}'`)
  if (entry.kind === 'build' && entry.versions?.length === 0)
    complain(['versions'], 'lists no version')
  if (entry.system?.detect.length === 0) complain(['system', 'detect'], 'lists no probe')
  for (const [index, one] of (entry.system?.detect ?? []).entries())
    if (one.kind === 'program' && one.argv.length === 0)
      complain(['system', 'detect', index], 'lists no program')
}

function checkProvisions({ name, provides }: Recipe, complain: Complain): void {
  for (const [index, provision] of provides.entries())
    if (provision.name === name)
      complain(['provides', index], `'${name}' is the package's own name, which it has anyway`)
}

function newestFirst(
  entries: readonly VersionEntry[],
  complain: Complain,
): readonly VersionEntry[] {
  const seen = new Set<string>()
  for (const [index, { version }] of entries.entries()) {
    if (seen.has(version.key))
      complain(['versions', index, 'version'], `version ${version.text} is listed twice`)
    seen.add(version.key)
  }
  return entries.toSorted((a, b) => compareVersions(b.version, a.version))
}

/** Every option that a condition names must be declared, with a value that it can have. */
function checkOptions(recipe: Recipe, complain: Complain): void {
  for (const [path, condition] of conditionsOf(recipe))
    for (const [name, value] of Object.entries(condition?.options ?? {})) {
      const declared = Object.hasOwn(recipe.options, name) ? recipe.options[name] : undefined
      if (!declared) {
        const near = didYouMean(name, Object.keys(recipe.options))
        complain(
          path,
          `option '${name}' is not declared${near ? ` (did you mean '${near}'?)` : ''}`,
        )
      } else if (!valuesOf(declared).includes(String(value))) {
        complain(
          path,
          `option '${name}' is never '${value}', only ${valuesOf(declared).join(', ')}`,
        )
      }
    }
}

function valuesOf({ values }: OptionDeclaration): readonly string[] {
  return values ?? ['true', 'false']
}

type Located = readonly [path: readonly PropertyKey[], when: When | undefined]

function conditionsOf(recipe: Recipe): readonly Located[] {
  const { exports } = recipe
  const listed = (path: readonly PropertyKey[], entries: readonly { readonly when?: When }[]) =>
    entries.map((entry, index): Located => [[...path, index], entry.when])
  const valued = (path: readonly PropertyKey[], record: Recipe['environment']) =>
    Object.entries(record).flatMap(([name, values]) =>
      values.map(({ when }): Located => [[...path, name], when]),
    )
  return [
    ...listed(['provides'], recipe.provides),
    ...listed(['requires'], recipe.requires),
    ...listed(['run-requires'], recipe.runRequires),
    ...listed(['build-requires'], recipe.buildRequires),
    ...listed(['build', 'steps'], recipe.steps),
    ...recipe.steps.flatMap((step, index) =>
      step.kind === 'cmake' ? valued(['build', 'steps', index], step.definitions) : [],
    ),
    ...valued(['build', 'environment'], recipe.environment),
    ...listed(['exports', 'cmake'], exports.cmake),
    ...listed(['exports', 'pkg-config'], exports.pkgConfig),
    ...listed(['exports', 'programs'], exports.programs),
    ...listed(['exports', 'python'], exports.python),
    ...listed(['tests'], recipe.tests),
    ...recipe.versions.flatMap(({ patches }) => listed(['versions'], patches)),
  ]
}
