/**
 * Settings of a studio's Rez, as far as they change answers or environments.
 *
 * Invariant: what no file says has Rez's default; a later file adds to an earlier one. Keys that
 * nothing here depends on are not looked at. A rezconfig.py of literals is read without Python, any
 * other is run in the sandbox.
 * Source: rez 3.4 `rezconfig.py`, `config.py`.
 */
import { dirname } from 'node:path'
import type { z } from 'zod'
import { AppError, messageOf } from '#kernel/index.ts'
import { type Attributes, literalOf, plainOf } from './definition.ts'
import type { FilterRules } from './package-filter.ts'
import type { OrdererSettings } from './package-order.ts'
import { readPackagePy } from './package-py.ts'
import { runFiles } from './python.ts'
import { readDefinitionFile } from './repository.ts'
import type { settingsSchema as settings } from './rez-config-schema.ts'

export interface RezConfig {
  readonly packagesPath: readonly string[]
  readonly localPackagesPath: string
  /** Undefined when no file says any: then they depend on the machine. */
  readonly implicitPackages: readonly string[] | undefined
  readonly platformMap: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly variantSelectMode: 'version_priority' | 'intersection_priority'
  readonly errorOnMissingVariantRequires: boolean
  readonly packageFilter: readonly FilterRules[]
  readonly packageOrderers: readonly OrdererSettings[]
  readonly parentVariables: readonly string[]
  readonly allParentVariables: boolean
  readonly envVarSeparators: Readonly<Record<string, string>>
  readonly standardSystemPaths: readonly string[]
  readonly optionvars: unknown
}

export interface ConfigOptions {
  /** Files, a later of which counts more. */
  readonly files: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

const defaults: RezConfig = {
  packagesPath: ['~/packages', '~/.rez/packages/int', '~/.rez/packages/ext'],
  localPackagesPath: '~/packages',
  implicitPackages: undefined,
  platformMap: {},
  variantSelectMode: 'version_priority',
  errorOnMissingVariantRequires: true,
  packageFilter: [],
  packageOrderers: [],
  parentVariables: [],
  allParentVariables: false,
  envVarSeparators: { CMAKE_MODULE_PATH: ';', DOXYGEN_TAGFILES: ' ' },
  standardSystemPaths: [],
  optionvars: undefined,
}

/** @throws AppError `interop/bad-config` */
export async function readRezConfig(options: ConfigOptions): Promise<RezConfig> {
  if (options.files.length === 0) return defaults
  const { settingsSchema } = await import('./rez-config-schema.ts')
  const schema = settingsSchema()
  const keys = Object.keys(schema.shape)
  const merged: Record<string, unknown> = { env_var_separators: defaults.envVarSeparators }
  const expanded = (text: string): string => withVariables(text, options.env)
  for (const file of options.files) {
    const values = await valuesIn(file, keys, options)
    for (const key of keys)
      if (values.has(key)) merged[key] = together(merged[key], plainOf(values.get(key), expanded))
  }
  const found = schema.safeParse(merged)
  if (!found.success) {
    const [issue] = found.error.issues
    throw badConfig(options.files.join(', '), `${issue?.path.join('.')}: ${issue?.message}`)
  }
  return configOf(found.data)
}

function configOf(data: z.infer<ReturnType<typeof settings>>): RezConfig {
  return {
    packagesPath: data.packages_path ?? defaults.packagesPath,
    localPackagesPath: data.local_packages_path ?? defaults.localPackagesPath,
    implicitPackages: data.implicit_packages,
    platformMap: data.platform_map ?? defaults.platformMap,
    variantSelectMode: data.variant_select_mode ?? defaults.variantSelectMode,
    errorOnMissingVariantRequires: data.error_on_missing_variant_requires ?? true,
    packageFilter: data.package_filter,
    packageOrderers: data.package_orderers,
    parentVariables: data.parent_variables ?? [],
    allParentVariables: data.all_parent_variables ?? false,
    envVarSeparators: data.env_var_separators ?? defaults.envVarSeparators,
    standardSystemPaths: data.standard_system_paths ?? [],
    optionvars: data.optionvars,
  }
}

async function valuesIn(
  file: string,
  wanted: readonly string[],
  { env, signal }: ConfigOptions,
): Promise<Attributes> {
  const text = readText(file)
  if (/\.ya?ml$/.test(file)) {
    const { parse } = await import('yaml')
    const value = guarded(file, () =>
      literalOf(parse(text, { version: '1.1', maxAliasCount: 0, logLevel: 'error' })),
    )
    if (value === null) return new Map()
    if (!(value instanceof Map)) throw badConfig(file, 'it is not a mapping')
    return value
  }
  const read = readPackagePy(text)
  if (!('reason' in read)) return read.values
  const folders = [dirname(file)]
  const path = env['PATH'] ?? ''
  const options = { path, signal, folders, wanted, variables: env }
  const [answer] = await runFiles([file], options)
  if (answer === undefined || 'problem' in answer)
    throw badConfig(file, answer?.problem ?? 'Python gave no answer')
  return answer.attributes
}

function readText(file: string): string {
  return guarded(file, () => readDefinitionFile(file))
}

function guarded<Value>(file: string, step: () => Value): Value {
  try {
    return step()
  } catch (error) {
    throw badConfig(file, messageOf(error))
  }
}

/** A mapping adds to one, a change of a list changes it, anything else takes the place. */
function together(before: unknown, own: unknown): unknown {
  if (!isRecord(own)) return own
  const change = own['__modify__']
  if (isRecord(change)) {
    const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
    return [...list(change['prepend']), ...list(before), ...list(change['append'])]
  }
  if (!isRecord(before)) return own
  const all = new Set([...Object.keys(before), ...Object.keys(own)])
  return Object.fromEntries(
    [...all].map((key) => [key, key in own ? together(before[key], own[key]) : before[key]]),
  )
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text with the variables of the environment in it. */
function withVariables(text: string, env: ConfigOptions['env']): string {
  return text.replaceAll(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (all, braced?: string, plain?: string) => env[braced ?? plain ?? ''] ?? all,
  )
}

function badConfig(file: string, why: string): AppError {
  return new AppError('interop/bad-config', `${file} cannot be used as settings of Rez: ${why}`, {
    hints: ['docs/rez.md, «Settings», lists what is read.'],
  })
}
