/**
 * How solving grows with the repository: made-up Rez repositories of 1,000 to 20,000 families, each
 * family with 25 versions of 2 variants, so up to 1,000,000 variants; 40 packages are requested.
 *
 * Each family is one file (`name.py` with `versions`), which Rez reads as it is. A family requires
 * families that come before it, newer versions newer ranges; the two variants need two versions of
 * a package that all share. Equal sizes give equal repositories. With `--plots=FOLDER` the times
 * are drawn as well.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BenchContext, duration, median, milliseconds } from './harness.ts'
import type { Figure } from './schema.ts'

const sizes = [1000, 2000, 5000, 10_000, 20_000]
const majors = [1, 2, 3, 4, 5]
const minors = [0, 1, 2, 3, 4]
const requested = 40
const rounds = 5
/** For the largest repository. */
const solveMsMax = 1000

interface Point {
  readonly families: number
  readonly solveMs: number
  readonly importMs: number
}

/** The time of a fresh process for each size, and a plot of them where one is wanted. */
export async function growth(context: BenchContext): Promise<readonly Figure[]> {
  const points = sizes.map((families) => measured(context, families))
  if (context.plots !== undefined)
    await Bun.write(join(context.plots, 'solver-growth.svg'), plot(points))
  return points.map(({ families, solveMs }) => {
    const variants = families * majors.length * minors.length * 2
    const name = `${requested} of ${families} families, ${variants} variants, fresh process`
    return milliseconds(name, { value: solveMs, bar: solveMsMax, peer: null })
  })
}

function measured({ folder, backlot, say, ...context }: BenchContext, families: number): Point {
  const repository = join(folder, `growth-${families}`)
  const env = { ...context.env, BACKLOT_HOME: join(folder, `growth-home-${families}`) }
  say(`a repository of ${families} families`)
  mkdirSync(repository)
  writeFamilies(repository, families)
  const importMs = duration([backlot, 'import', 'rez', repository], { env })
  say(`imported in ${(importMs / 1000).toFixed(1)} s`)
  const argv = [backlot, 'solve', '--rez', repository, '--format', 'json', ...request(families)]
  const times = Array.from({ length: rounds }, () => duration(argv, { env }))
  return { families, solveMs: median(times), importMs }
}

/** Some packages from the last quarter, which need most. */
function request(families: number): string[] {
  const step = Math.floor(families / 4 / requested)
  return Array.from({ length: requested }, (_, index) => nameOf(families - 1 - index * step))
}

function writeFamilies(folder: string, families: number): void {
  const versions = majors.flatMap((major) => minors.map((minor) => `${major}.${minor}`))
  writeFileSync(join(folder, 'python.py'), 'versions = ["3.10.1", "3.11.2"]\n')
  for (let index = 0; index < families; index += 1) {
    const overrides = majors.map((major) => [`${major}`, { requires: requires(index, major) }])
    const lines = [
      `name = "${nameOf(index)}"`,
      `versions = ${JSON.stringify(versions)}`,
      'variants = [["python-3.10"], ["python-3.11"]]',
      `version_overrides = ${JSON.stringify(Object.fromEntries(overrides))}`,
    ]
    writeFileSync(join(folder, `${nameOf(index)}.py`), `${lines.join('\n')}\n`)
  }
}

/** Up to three packages, of which a newer version needs a newer one. */
function requires(index: number, major: number): string[] {
  const others = [index >> 1, (index * 5) >> 4, index % 97]
  const names = new Set(others.filter((other) => other >= 0 && other < index))
  return [...names].map((other, at) =>
    at % 2 === 0 ? `${nameOf(other)}-${Math.max(1, major - 1)}+` : `${nameOf(other)}<${major + 1}`,
  )
}

function nameOf(index: number): string {
  return `family${index}`
}

/** Families against milliseconds, as SVG that needs nothing else. */
function plot(points: readonly Point[]): string {
  const [width, height, left, top] = [640, 360, 64, 40]
  const most = Math.max(...points.map(({ solveMs }) => solveMs))
  const step = [10, 20, 50, 100, 200, 500].find((one) => most / one <= 6) ?? 1000
  const ceiling = Math.ceil(most / step) * step
  const x = (families: number) => left + ((width - left - 24) * families) / 20_000
  const y = (ms: number) => height - 48 - ((height - 48 - top) * ms) / ceiling
  const ticks = Array.from({ length: ceiling / step + 1 }, (_, index) => index * step)
  // Names that stand too close to the one before are left out.
  const named = points.filter(
    ({ families }, at) => at === 0 || x(families) - x(points[at - 1]?.families ?? 0) > 40,
  )
  const line = points.map(({ families, solveMs }) => `${x(families)},${y(solveMs).toFixed(1)}`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${left}" y="22" font-size="14">A request of ${requested} packages, fresh process (ms) against families in the repository</text>`,
    ...ticks.map(
      (ms) =>
        `<path d="M${left} ${y(ms).toFixed(1)}H${width - 24}" stroke="#ddd"/><text x="${left - 8}" y="${(y(ms) + 4).toFixed(1)}" text-anchor="end">${ms}</text>`,
    ),
    ...named.map(
      ({ families }) =>
        `<text x="${x(families)}" y="${height - 28}" text-anchor="middle">${families}</text>`,
    ),
    `<text x="${(left + width) / 2}" y="${height - 8}" text-anchor="middle">families, each with 25 versions of 2 variants</text>`,
    `<polyline points="${line.join(' ')}" fill="none" stroke="#0a6" stroke-width="2"/>`,
    ...points.map(
      ({ families, solveMs }) =>
        `<circle cx="${x(families)}" cy="${y(solveMs).toFixed(1)}" r="4" fill="#0a6"/><text x="${x(families)}" y="${(y(solveMs) - 10).toFixed(1)}" text-anchor="middle">${Math.round(solveMs)}</text>`,
    ),
    '</svg>',
    '',
  ].join('\n')
}
