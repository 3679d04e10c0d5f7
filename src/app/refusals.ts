/** Refusals that several use cases share. */
import { AppError } from '#kernel/index.ts'
import { didYouMean } from '#model/index.ts'
import type { Unsolvable } from './results.ts'

/** An unsolvable request, where a command cannot go on without an answer. */
export function unsolvableError(why: Unsolvable): AppError {
  const hints = [...why.fixes.map(({ text }) => `fix: ${text}`), ...why.hints]
  const message = ['no set of packages satisfies the request', ...why.sentences].join('\n')
  return new AppError('cli/unsolvable', message, { hints })
}

/** A package that was named and that the environment does not hold. */
export function notInEnvironment(name: string, known: readonly string[]): AppError {
  const hints = [...nearest(name, known), '`backlot list` shows what is.']
  return new AppError('cli/not-in-environment', `'${name}' is not in the environment`, { hints })
}

/** The same of an answer in Rez repositories. */
export function notInAnswer(name: string, known: readonly string[]): AppError {
  const hints = [...nearest(name, known), '`backlot solve` shows what is.']
  return new AppError('cli/not-in-environment', `'${name}' is not in the answer`, { hints })
}

/** What stands before a range or options, where a name is wanted. */
export function bareName(text: string): string {
  return /^[^\s[<>=!|@]*/.exec(text)?.[0] ?? ''
}

/** A package that was to be taken out of backlot.yaml, which does not list it. */
export function notAskedFor(name: string, asked: readonly string[]): AppError {
  const bare = bareName(name)
  const hints = [
    ...(asked.includes(bare) ? [`Packages are removed by name: '${bare}'.`] : nearest(name, asked)),
    '`backlot why NAME` tells what brings a package in.',
  ]
  const message = `'${name}' is not asked for in backlot.yaml`
  return new AppError('cli/not-in-environment', message, { hints })
}

function nearest(name: string, known: readonly string[]): readonly string[] {
  const guess = didYouMean(name, known)
  return guess === undefined ? [] : [`Did you mean '${guess}'?`]
}
