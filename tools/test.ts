/**
 * `npm test`: the checks, then every test file in a process of its own, then one line of sums.
 *
 * Arguments are parts of paths: only the test files that contain one of them are run, without the
 * checks. A file that dies counts as a failed test. With `CI=true` a skipped test is a failure,
 * because there everything that tests need has been installed.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type RunResult, run, temporaryFolder } from '#kernel/index.ts'
import { environmentWith } from './environment.ts'
import { missingPrograms } from './setup/programs.ts'
import { type Check, checks } from './testing/checks.ts'
import { type Outcome, readJunit } from './testing/junit.ts'

const root = join(import.meta.dir, '..')
const fileTimeoutMs = 30 * 60_000
const testTimeoutMs = 120_000
const environment = environmentWith({ NO_COLOR: '1' }, ['CI', 'FORCE_COLOR'])

interface Sum {
  passed: number
  failed: number
  readonly skipped: string[]
}

/** Test files: whole-program ones first, because they take longest. */
function testFiles(filters: readonly string[]): string[] {
  const found = [...new Bun.Glob('{src,test,tools,bench}/**/*.test.ts').scanSync({ cwd: root })]
  return found
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort((a, b) => weight(b) - weight(a) || a.localeCompare(b))
}

function weight(path: string): number {
  return path.startsWith('test/') && !path.startsWith('test/tidy/') ? 1 : 0
}

function report(state: string, name: string, note: string, startedMs: number): void {
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1)
  console.log(`  ${state.padEnd(5)} ${name.padEnd(44)} ${note.padStart(12)} ${seconds} s`)
}

function outputOf({ stdout, stderr }: RunResult): string {
  return `${stdout}\n${stderr}`.trim().replaceAll(/^/gm, '        ')
}

async function runCheck(check: Check, signal: AbortSignal, sum: Sum): Promise<void> {
  const startedMs = Date.now()
  const result = await run(check.argv, { cwd: root, env: environment, signal })
  const ok = result.exitCode === 0
  report(ok ? 'ok' : 'FAIL', check.name, '', startedMs)
  if (!ok) console.log(`${outputOf(result)}\n        To mend it: ${check.hint}`)
  if (ok) sum.passed += 1
  else sum.failed += 1
}

async function runFile(path: string, signal: AbortSignal, sum: Sum): Promise<void> {
  const startedMs = Date.now()
  using folder = temporaryFolder()
  const junit = join(folder.path, 'junit.xml')
  const argv = [process.execPath, 'test', `./${path}`, '--timeout', `${testTimeoutMs}`]
  const reporter = ['--reporter=junit', `--reporter-outfile=${junit}`]
  const options = { cwd: root, env: environment, signal, timeoutMs: fileTimeoutMs }
  const result = await run([...argv, ...reporter], options)
  const { passed, failed, skipped } = outcomeOf(result, junit)
  sum.passed += passed
  sum.failed += failed.length
  sum.skipped.push(...skipped.map((name) => `${path}: ${name}`))
  const note = skipped.length === 0 ? `${passed} passed` : `${passed}, ${skipped.length} skipped`
  report(failed.length === 0 ? 'ok' : 'FAIL', path, note, startedMs)
  if (failed.length > 0) console.log(outputOf(result))
}

/** A file that ended badly without a failed test (it died, or threw between tests) failed once. */
function outcomeOf(result: RunResult, junit: string): Outcome {
  const died: Outcome = { passed: 0, failed: ['(the file)'], skipped: [] }
  try {
    const outcome = readJunit(readFileSync(junit, 'utf8'))
    if (result.exitCode === 0 || outcome.failed.length > 0) return outcome
    return { ...outcome, failed: died.failed }
  } catch {
    return died
  }
}

/** Runs jobs, as many at once as there are processors. */
async function inParallel(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = jobs.values()
  const workers = Array.from({ length: Math.min(availableParallelism(), 4) }, async () => {
    for (const job of waiting) await job()
  })
  await Promise.all(workers)
}

/** Runs everything and gives the exit code. */
async function main(filters: readonly string[], signal: AbortSignal): Promise<number> {
  const sum: Sum = { passed: 0, failed: 0, skipped: [] }
  if (filters.length === 0) {
    console.log('checks')
    await inParallel(checks(root).map((check) => () => runCheck(check, signal, sum)))
  }
  console.log('tests')
  await inParallel(testFiles(filters).map((path) => () => runFile(path, signal, sum)))
  const strict = process.env['CI'] === 'true' && sum.skipped.length > 0
  if (sum.skipped.length > 0) {
    console.log(`skipped${strict ? ' (not allowed where CI=true)' : ''}`)
    for (const name of sum.skipped) console.log(`  ${name}`)
    for (const line of missingPrograms().lines) console.log(`  ${line}`)
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped.length} skipped`)
  return sum.failed > 0 || strict || sum.passed === 0 ? 1 : 0
}

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
process.exitCode = await main(process.argv.slice(2), stop.signal).catch((error: unknown) => {
  console.error(stop.signal.aborted ? 'stopped' : error)
  return 130
})
