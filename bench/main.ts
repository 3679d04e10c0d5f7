/**
 * `npm run bench -- GROUP…`: measures, and prints a table, or with `--json` one object a line.
 *
 * `--plots=FOLDER` draws the plots of the documentation, `--minutes=N` is how long a soak lasts.
 * Exit code 1 when a figure misses its bar. Numbers live here and never in a test.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, meaningOf, temporaryFolder } from '#kernel/index.ts'
import { compile } from '../tools/compile.ts'
import { environmentWith } from '../tools/environment.ts'
import { cli } from './cli.ts'
import { growth } from './growth.ts'
import type { Benchmark } from './harness.ts'
import { image } from './image.ts'
import { layers } from './layers.ts'
import { nextVersion } from './next-version.ts'
import { crowd } from './registry.ts'
import { beside, guarded, start } from './registry-storage.ts'
import { run } from './run.ts'
import { Figure } from './schema.ts'
import { soak } from './soak.ts'
import { solver } from './solver.ts'
import { views } from './views.ts'

const root = join(import.meta.dir, '..')

const groups: Readonly<Record<string, Readonly<Record<string, Benchmark>>>> = {
  path: { cli, run, views, layers, image },
  solver: { solver, growth },
  registry: { crowd, beside, guarded, 'next-version': nextVersion, start, soak },
}

/** The benchmarks that the arguments name: `path`, or `path/cli` for one of them. */
function chosen(names: readonly string[]): Benchmark[] {
  const known = Object.entries(groups).flatMap(([group, benchmarks]) =>
    Object.entries(benchmarks).map(([name, benchmark]) => ({ group, name, benchmark })),
  )
  return names.flatMap((wanted) => {
    const found = known.filter(({ group, name }) => [group, `${group}/${name}`].includes(wanted))
    if (found.length > 0) return found.map(({ benchmark }) => benchmark)
    const all = [...Object.keys(groups), ...known.map(({ group, name }) => `${group}/${name}`)]
    throw new AppError('cli/usage', `No benchmark '${wanted}', only: ${all.join(', ')}`)
  })
}

/** `--minutes=N`, or a minute. */
function minutesOf(args: readonly string[]): number {
  const text = args.find((arg) => arg.startsWith('--minutes='))?.slice('--minutes='.length) ?? '1'
  const minutes = Number(text)
  if (minutes > 0 && minutes <= 10_000) return minutes
  throw new AppError('cli/usage', `'${text}' is no number of minutes`)
}

const nameColumns = 82

function row({ name, value, unit, bar, peer, ok }: Figure): string {
  const number = (one: number | null) => (one === null ? '-' : one.toFixed(unit === 'ms' ? 1 : 0))
  const cells = [value, bar, peer].map((one) => number(one).padStart(12))
  return `${name.padEnd(nameColumns)} ${unit.padEnd(4)}${cells.join('')}  ${ok ? 'ok' : 'MISSED'}`
}

async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json')
  const names = args.filter((arg) => !arg.startsWith('--'))
  const benchmarks = chosen(names.length === 0 ? Object.keys(groups) : names)
  const say = (text: string) => console.error(`# ${text}`)
  const kept = join(root, '.backlot/bench')
  mkdirSync(kept, { recursive: true })
  using folder = temporaryFolder(kept)
  const backlot = join(folder.path, 'backlot')
  await compile({ outfile: backlot })
  const env = environmentWith({ BACKLOT_HOME: join(root, '.backlot/demo/store'), NO_COLOR: '1' })
  const plots = args.find((arg) => arg.startsWith('--plots='))?.slice('--plots='.length)
  const context = { backlot, folder: folder.path, env, plots, minutes: minutesOf(args), say }
  if (!json)
    console.log(
      `${'name'.padEnd(nameColumns)} unit${['value', 'bar', 'peer'].map((head) => head.padStart(12)).join('')}`,
    )
  let missed = 0
  for (const benchmark of benchmarks)
    for (const figure of await benchmark(context)) {
      console.log(json ? JSON.stringify(Figure.parse(figure)) : row(figure))
      missed += figure.ok ? 0 : 1
    }
  return missed === 0 ? 0 : 1
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof AppError)) throw error
  console.error(error.message)
  process.exitCode = meaningOf(error.code).exit
}
