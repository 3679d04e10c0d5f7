/** How answers about packages and environments look. */
import type { PackageInfo, PackageRow, TreeNode } from '#app/index.ts'
import { short, size } from '../human.ts'
import type { Page } from '../page.ts'
import { aligned, type Branch, table, tree } from '../table.ts'
import type { Paint } from '../paint.ts'

export function listText(rows: readonly PackageRow[], { paint }: Page): string {
  if (rows.length === 0) return 'The environment holds no packages'
  const titles = ['package', 'version', 'kind', 'build', 'layer'].map((title, index) => ({
    title,
    align: index === 4 ? ('right' as const) : ('left' as const),
  }))
  const cells = rows.map((row) => [
    row.name,
    row.version,
    kindText(row.kind),
    row.build === undefined ? '' : short(row.build),
    row.sizeBytes === undefined ? '' : size(row.sizeBytes),
  ])
  return table(titles, cells, paint.dim)
}

/** A VFX Reference Platform; `components` are ranges by package name. */
export interface PlatformRow {
  readonly platform: string
  readonly status: string
  readonly cxxStandard?: number
  readonly gcc?: string
  readonly glibc?: string
  readonly components: Readonly<Record<string, string>>
}

export function platformsText(rows: readonly PlatformRow[], { paint }: Page): string {
  const shown = ['cpython', 'imath', 'openexr', 'opencolorio'] as const
  const titles = ['platform', 'status', 'C++', 'gcc', 'glibc', ...shown]
  const cells = rows.map((row) => [
    row.platform,
    row.status,
    row.cxxStandard === undefined ? '' : String(row.cxxStandard),
    row.gcc ?? '',
    row.glibc ?? '',
    ...shown.map((name) => row.components[name] ?? ''),
  ])
  return table(
    titles.map((title) => ({ title })),
    cells,
    paint.dim,
  )
}

export function treeText(nodes: readonly TreeNode[], { paint }: Page): string {
  if (nodes.length === 0) return 'The environment holds no packages'
  const branch = (node: TreeNode): Branch => ({
    label: [
      `${node.name} ${paint.cyan(node.version)}`,
      providesText(node.provides, paint),
      node.kind === 'build' ? '' : paint.dim(`(${kindText(node.kind)})`),
      node.repeated ? paint.dim('(see above)') : '',
    ]
      .filter(Boolean)
      .join(' '),
    children: node.depends.map(branch),
  })
  return tree(nodes.map(branch))
}

function providesText(provides: TreeNode['provides'], paint: Paint): string {
  const names = Object.entries(provides ?? {}).map((pair) => pair.join(' '))
  return names.length === 0 ? '' : paint.dim(`(as ${names.join(', ')})`)
}

export function infoText(info: PackageInfo, { paint }: Page): string {
  const facts = [
    ['licence', info.license],
    ['homepage', info.homepage],
    ['locked', info.locked],
  ] as const
  const known = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [[`  ${paint.dim(name)}`, value]],
  )
  return [
    [paint.bold(info.name), info.summary].filter(Boolean).join(' – '),
    aligned(known),
    versionsText(info, paint),
    listing('requires', info.requires, paint),
    ...Object.entries(info.exports).map(([kind, names]) => listing(kind, names, paint)),
  ]
    .filter(Boolean)
    .join('\n')
}

function versionsText(info: PackageInfo, paint: Paint): string {
  const rows = info.versions.map(({ version, recipe, builds }) => [
    `    ${version}`,
    recipe ? 'recipe' : '',
    builds.length === 0
      ? ''
      : builds.map(({ build, target }) => `${short(build)} ${paint.dim(target)}`).join(', '),
  ])
  return rows.length === 0 ? '' : `  ${paint.dim('versions')}\n${aligned(rows)}`
}

function listing(title: string, items: readonly string[], paint: Paint): string {
  if (items.length === 0) return ''
  return [`  ${paint.dim(title)}`, ...items.map((item) => `    ${item}`)].join('\n')
}

function kindText(kind: PackageRow['kind']): string {
  return { build: 'build', recipe: 'to be built', system: 'system' }[kind]
}
