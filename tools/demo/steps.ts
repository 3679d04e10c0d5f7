/**
 * Steps of the demo: each is announced, shows the commands that a person would type and what they
 * print, and is timed. The first failure ends the demo with what to do.
 */
import { AppError } from '#kernel/index.ts'

/** What a step says about itself at its end, for the table of times. */
export interface StepResult {
  readonly note?: string
}

interface Step {
  readonly title: string
  readonly run: () => Promise<StepResult>
}

interface Done {
  readonly title: string
  readonly ms: number
  readonly note: string
}

const bold = (text: string) => (process.stdout.isTTY ? `\u001B[1m${text}\u001B[0m` : text)

/** Runs the steps in order and prints the table of times. */
export async function runSteps(steps: readonly Step[]): Promise<void> {
  const done: Done[] = []
  for (const [index, { title, run }] of steps.entries()) {
    console.log(`\n${bold(`[${index + 1}/${steps.length}] ${title}`)}`)
    const startedMs = Date.now()
    const { note = '' } = await run()
    done.push({ title, note, ms: Date.now() - startedMs })
  }
  console.log(`\n${bold('Times')}`)
  for (const { title, ms, note } of done)
    console.log(`  ${title.padEnd(50)} ${(ms / 1000).toFixed(2).padStart(7)} s  ${note}`)
}

export interface Shown {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** What is printed instead of the real program, for example `backlot` for its long path. */
  readonly as?: string
}

/**
 * Shows a command, runs it with its output on the terminal, and gives that output back.
 * @throws AppError `kernel/program-failed`
 */
export async function show(argv: readonly string[], { cwd, env, as }: Shown): Promise<string> {
  const [program = '', ...rest] = argv
  console.log(`  $ ${[as ?? program, ...rest].map(quoted).join(' ')}`)
  const child = Bun.spawn([...argv], {
    cwd,
    env: { ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true })
    process.stdout.write(chunk)
  }
  const exitCode = await child.exited
  if (exitCode === 0) return text
  throw new AppError('kernel/program-failed', `${as ?? program} ended with ${exitCode}`, {
    hints: ['Mend what it says above, then run the demo again: what is built stays built.'],
  })
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
