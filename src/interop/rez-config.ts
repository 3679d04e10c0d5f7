/**
 * Settings of a studio's Rez, as far as they change answers or environments.
 *
 * Invariant: what no file says has Rez's default. Keys that nothing here depends on are not looked
 * at.
 * Source: rez 3.4 `rezconfig.py`, `config.py`.
 */
export interface RezConfig {
  readonly packagesPath: readonly string[]
  readonly localPackagesPath: string
  readonly parentVariables: readonly string[]
  readonly allParentVariables: boolean
  readonly envVarSeparators: Readonly<Record<string, string>>
  readonly standardSystemPaths: readonly string[]
  readonly optionvars: unknown
}

export const defaultConfig: RezConfig = {
  packagesPath: ['~/packages', '~/.rez/packages/int', '~/.rez/packages/ext'],
  localPackagesPath: '~/packages',
  parentVariables: [],
  allParentVariables: false,
  envVarSeparators: { CMAKE_MODULE_PATH: ';', DOXYGEN_TAGFILES: ' ' },
  standardSystemPaths: [],
  optionvars: undefined,
}
