/**
 * The packages of the ASWF images as recipes that can be solved with.
 *
 * Invariant: the same data give the same texts. A recipe made here says what there is and what goes
 * together; its build step says that it knows no more.
 * Source: test/data/aswf/aswf-dependencies.json (versions from 2023 on, requirements by year) and
 * aswf-images.json (`years`, which has 2022 and what was seen of 2027).
 */
import { z } from 'zod'
import { compareVersions, parseVersion, isVersion } from '#model/index.ts'
import dependencies from '../../test/data/aswf/aswf-dependencies.json'
import images from '../../test/data/aswf/aswf-images.json'
import { facts, type Fact, furtherVersions, options, projects, provides } from './facts.ts'

export const aswfYears = ['2022', '2023', '2024', '2025', '2026'] as const

const Entry = z.object({
  requires: z.array(z.string()),
  build_requires: z.array(z.string()),
  requires_other_years: z.record(z.string(), z.array(z.string())).default({}),
  versions: z.record(z.string(), z.string()),
  license: z
    .union([z.string(), z.array(z.string()).transform((all) => all.join(' AND '))])
    .optional(),
})
type Entry = z.output<typeof Entry>

const Years = z.record(
  z.string(),
  z.object({
    versions: z.record(z.string(), z.string()).default({}),
    versions_seen: z.record(z.string(), z.string()).default({}),
  }),
)

/** One version of a package and what it needs. */
interface Release {
  readonly version: string
  readonly years: string[]
  readonly requires: Set<string>
}

/** Every file of the example by its path in it. */
export function aswfFiles(): ReadonlyMap<string, string> {
  const entries = packages()
  const files = new Map(
    [...entries].map(([name, entry]) => [pathOf(name), recipeText(name, entry)]),
  )
  return files.set('backlot.yaml', projectText())
}

function pathOf(name: string): string {
  return `recipes/${name}/backlot.yaml`
}

function packages(): ReadonlyMap<string, Entry> {
  const known = new Map<string, Entry>()
  for (const [name, value] of Object.entries(dependencies))
    if (!name.startsWith('_')) known.set(name, Entry.parse(value))
  const tools = dependencies._meta.external_tools_from_OS
  const system = Object.fromEntries(aswfYears.map((year) => [year, 'system']))
  for (const name of tools)
    known.set(name, {
      requires: [],
      build_requires: [],
      requires_other_years: {},
      versions: system,
    })
  return known
}

function projectText(): string {
  const environments = aswfYears.flatMap((year) => [
    `  cy${year}:`,
    `    platform: CY${year}`,
    `    packages: [${projects.join(', ')}]`,
    '    targets: linux-x86_64',
  ])
  return [
    '# The ASWF projects for each year of the VFX Reference Platform: `backlot lock --all`.',
    '# Written by tools/aswf.ts. The recipes say what goes together, not how it is built.',
    'recipes: recipes',
    'environments:',
    ...environments,
    '',
  ].join('\n')
}

function recipeText(name: string, entry: Entry): string {
  const releases = releasesOf(name, entry)
  const years = [...new Set(releases.flatMap((one) => one.years))].sort()
  const requires = [...plainRequirements(name, releases), ...factRequirements(name)]
  return [
    '# Written by tools/aswf.ts: it says what can be chosen, not how it is built.',
    'package:',
    `  name: ${name}`,
    `  summary: ${name} of the ASWF images ${years[0]} to ${years.at(-1)}`,
    `  license: ${entry.license?.replaceAll(',', ' AND') ?? 'NOASSERTION'}`,
    '  versions:',
    ...releases.map(({ version }) => `    - { version: "${version}", source: { path: . } }`),
    ...listed('options', options[name] ?? [], '    '),
    ...listed(
      'provides',
      (provides[name] ?? []).map((one) => `- ${one}`),
    ),
    ...listed(
      'requires',
      requires.map((one) => `- ${one}`),
    ),
    ...listed(
      'build-requires',
      entry.build_requires.filter((one) => one !== name).map((one) => `- ${one}`),
    ),
    '  build:',
    `    steps: [{ script: "echo '${name} is here to be solved with, not to be built' >&2; exit 1" }]`,
    '',
  ].join('\n')
}

function listed(key: string, lines: readonly string[], indent = '    '): readonly string[] {
  return lines.length === 0 ? [] : [`  ${key}:`, ...lines.map((line) => indent + line)]
}

/** Newest first. */
function releasesOf(name: string, entry: Entry): readonly Release[] {
  const releases = new Map<string, Release>()
  const add = (version: string, year: string): void => {
    const text = spelt(version)
    const release = releases.get(text) ?? { version: text, years: [], requires: new Set() }
    release.years.push(year)
    const wanted = entry.requires_other_years[year === '2022' ? '2023' : year] ?? entry.requires
    for (const one of wanted) release.requires.add(one)
    releases.set(text, release)
  }
  const imageYears = Years.parse(images.years)
  for (const [year, { versions, versions_seen: seen }] of Object.entries(imageYears)) {
    const found = entry.versions[year] ?? byPlainName({ ...versions, ...seen }, name)
    if (found !== undefined) add(found, year)
  }
  for (const version of furtherVersions[name] ?? []) add(version, '2026')
  return [...releases.values()].sort((a, b) =>
    compareVersions(parseVersion(b.version), parseVersion(a.version)),
  )
}

/** The tables spell names with `_`, and some versions too. */
function byPlainName(versions: Readonly<Record<string, string>>, name: string): string | undefined {
  const plain = (text: string) => text.replaceAll(/[-_]/g, '')
  return Object.entries(versions).find(([other]) => plain(other) === plain(name))?.[1]
}

function spelt(version: string): string {
  const text = /^\d+(?:_\d+)+$/.test(version) ? version.replaceAll('_', '.') : version
  if (!isVersion(text)) throw new TypeError(`'${version}' is not a version`)
  return text
}

/** Every requirement without a range, for the versions that have it. */
function plainRequirements(name: string, releases: readonly Release[]): readonly string[] {
  const names = [...new Set(releases.flatMap((one) => [...one.requires]))].sort()
  return names
    .filter((one) => one !== name)
    .filter((one) => !facts.some((fact) => isAlways(fact, name, one)))
    .map((needed) => {
      const having = releases.filter((one) => one.requires.has(needed))
      if (having.length === releases.length) return needed
      const versions = having.map(({ version }) => `==${version}`).join(' | ')
      return `{ require: ${needed}, when: { version: "${versions}" } }`
    })
}

/** Whether a fact says all that a plain requirement does, and more. */
function isAlways({ package: of, require, version, option }: Fact, name: string, needed: string) {
  return of === name && version === undefined && !option && require.startsWith(`${needed} `)
}

function factRequirements(name: string): readonly string[] {
  return facts.filter((fact) => fact.package === name).map(factText)
}

function factText({ require, reason, version, option }: Fact): string {
  const pairs = Object.entries(option ?? {})
  const when = [
    ...(version === undefined ? [] : [`version: "${version}"`]),
    ...(option === undefined
      ? []
      : [`option: { ${pairs.map(([key, value]) => `${key}: "${value}"`).join(', ')} }`]),
  ]
  const members = [
    `require: "${require}"`,
    ...(reason === undefined ? [] : [`reason: "${reason}"`]),
    ...(when.length === 0 ? [] : [`when: { ${when.join(', ')} }`]),
  ]
  return `{ ${members.join(', ')} }`
}
