/**
 * Small catalogs for tests, written as a person would say them.
 *
 * Not here: anything that the program itself uses.
 */
import { digestOf } from '#kernel/index.ts'
import {
  type HostFact,
  type OptionValue,
  parseHostFact,
  parseProject,
  parseRequirement,
  parseVersion,
} from '#model/index.ts'
import type { BuildEntry, RecipeEntry, SystemEntry } from './entry.ts'
import { recipeEntries } from './memory.ts'
import type { Resolution, ResolveRequest } from './resolution.ts'

interface RecipeOptions {
  readonly requires?: readonly string[]
  readonly buildRequires?: readonly string[]
  readonly runRequires?: readonly string[]
  readonly provides?: readonly string[]
  /** YAML of `options:`, in one line. */
  readonly options?: string
}

/**
 * The entries of a recipe: `recipe('openexr', '3.1.5 3.1.4', { requires: ['imath >=3.1'] })`; a
 * version may have its release: `3.1.5@2022-04-11`.
 */
export function recipe(
  name: string,
  versions: string,
  more: RecipeOptions = {},
): readonly RecipeEntry[] {
  const { requires = [], buildRequires = [], runRequires = [], provides = [] } = more
  const { options = '{}' } = more
  const entry = (one: string) => `    - ${one.startsWith('{') ? one : JSON.stringify(one)}`
  const text = [
    'package:',
    `  name: ${name}`,
    '  license: BSD-3-Clause',
    '  versions:',
    ...versions.split(' ').map((word) => {
      const [version = '', released] = word.split('@')
      const date = released === undefined ? '' : `, released: ${released}`
      return `    - { version: "${version}", source: { path: . }${date} }`
    }),
    ...(provides.length > 0 ? ['  provides:', ...provides.map(entry)] : []),
    ...(runRequires.length > 0 ? ['  run-requires:', ...runRequires.map(entry)] : []),
    `  options: ${options}`,
    ...(requires.length > 0 ? ['  requires:', ...requires.map(entry)] : []),
    ...(buildRequires.length > 0 ? ['  build-requires:', ...buildRequires.map(entry)] : []),
    '  build: { steps: [{ script: "true" }] }',
  ].join('\n')
  const project = parseProject(text, `${name}/backlot.yaml`)
  if (project.package === undefined) throw new TypeError(`no package in ${text}`)
  return recipeEntries(project.package, { digest: digestOf(text), folder: `/recipes/${name}` })
}

interface BuildOptions {
  /** Builds that it was made against. */
  readonly against?: readonly BuildEntry[]
  readonly range?: string
  readonly system?: readonly string[]
  readonly host?: readonly string[]
  readonly constraints?: readonly string[]
  /** `jpeg 62`, or `jpeg` with the version of the build. */
  readonly provides?: readonly string[]
  readonly options?: Readonly<Record<string, OptionValue>>
  /** Builds with the same word here have the same interface. */
  readonly interface?: string
  readonly platform?: string
  readonly epoch?: number
  readonly deprecated?: boolean
  readonly target?: BuildEntry['config']['target']
}

/** A build: `build('openexr', '3.1.5', { against: [imath] })`. */
export function build(name: string, version: string, options: BuildOptions = {}): BuildEntry {
  const seed = `${name} ${version} ${JSON.stringify(options)}`
  const pair = (text: string) => {
    const { name: other, versions } = parseRequirement(text)
    return { name: other, range: text.slice(other.length).trim() || '*', versions }
  }
  return {
    kind: 'build',
    name,
    version: parseVersion(version),
    config: {
      name,
      version,
      buildId: digestOf(`id ${seed}`).slice('sha256:'.length),
      target: options.target ?? 'linux-x86_64',
      options: options.options ?? {},
      ...(options.platform === undefined ? {} : { platform: options.platform }),
      requires: (options.against ?? []).map((other) => ({
        name: other.name,
        range: options.range ?? '*',
        version: other.config.version,
        interface: other.config.interface,
        buildId: other.config.buildId,
      })),
      provides: (options.provides ?? []).map((text) => {
        const [other = '', own = version] = text.split(' ')
        return { name: other, version: own }
      }),
      constraints: [...(options.constraints ?? [])],
      system: (options.system ?? []).map((text) => ({
        name: pair(text).name,
        range: pair(text).range,
        version: '1.0',
      })),
      host: (options.host ?? []).map((text) => {
        const space = text.indexOf(' ')
        const fact = parseHostFact(`${text.slice(0, space)}=0`)
        return { name: fact.name, range: text.slice(space + 1) }
      }),
      interface: digestOf(`interface ${options.interface ?? seed}`),
      recipe: digestOf(`recipe ${name} ${version}`),
      epoch: options.epoch ?? 0,
      ...(options.deprecated === true ? { deprecated: true } : {}),
    },
    manifest: digestOf(`manifest ${seed}`),
    layer: { digest: digestOf(`layer ${seed}`), size: 1000 },
    origin: 'local',
  }
}

export function system(name: string, version?: string, install?: string): SystemEntry {
  return {
    kind: 'system',
    name,
    ...(version === undefined ? {} : { version: parseVersion(version) }),
    ...(install === undefined ? {} : { install }),
  }
}

/** A request on a Linux machine with glibc 2.31. */
export function request(
  requirements: readonly string[],
  rest: Partial<Omit<ResolveRequest, 'requirements'>> = {},
): ResolveRequest {
  return {
    requirements: requirements.map((text) => parseRequirement(text)),
    host: hostFacts('__linux=6.1', '__glibc=2.31'),
    target: 'linux-x86_64',
    ...rest,
  }
}

export function hostFacts(...texts: readonly string[]): readonly HostFact[] {
  return texts.map((text) => parseHostFact(text))
}

/** The answer as short lines: `openexr 3.1.5 build`, `imath 3.1.6 recipe`. */
export function lines(resolution: Resolution): readonly string[] {
  switch (resolution.kind) {
    case 'solved':
      return resolution.packages.map((one) => `${one.name} ${one.version} ${one.kind}`)
    case 'unsolvable':
      return resolution.sentences
    case 'cancelled':
    case 'budget':
      return [resolution.kind]
  }
}
