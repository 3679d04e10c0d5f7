/**
 * Options that many commands share: how to print, where to work, which environment.
 *
 * Invariant: such an option means the same before and after the command's name.
 */
import {
  Command,
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
} from '@commander-js/extra-typings'
import type { EnvironmentChoice } from '#app/index.ts'
import type { ColorChoice } from './paint.ts'

export type Format = 'text' | 'json'

/** What the shared options say. */
export interface SharedOptions {
  readonly format: Format
  readonly color: ColorChoice
  readonly quiet: boolean
  readonly verbose: boolean
  readonly directory: string | undefined
}

/** A command with a name and a one-line summary. */
export function command(name: string, summary: string) {
  return new Command(name).summary(summary).description(`${capital(summary)}.`)
}

/** The options that choose an environment and how strictly its lockfile is taken. */
export const environmentOptions = {
  name: () => new Option('-e, --environment <name>', 'environment of backlot.yaml'),
  all: () => new Option('--all', 'every environment of backlot.yaml').conflicts('environment'),
  locked: () => new Option('--locked', 'fail when the lockfile is not up to date'),
  frozen: () =>
    new Option('--frozen', 'take the lockfile as it is, without comparing it').conflicts('locked'),
}

/** A choice as the use cases take it. */
export function choiceOf(options: {
  readonly environment?: string | undefined
  readonly locked?: true | undefined
  readonly frozen?: true | undefined
}): EnvironmentChoice {
  return {
    environment: options.environment,
    mode: options.frozen ? 'frozen' : options.locked ? 'locked' : undefined,
  }
}

const sharedGroup = 'Shared options:'

/** The options that every command takes; made anew, because a command keeps what it is given. */
export function sharedOptions(): Option[] {
  return [
    new Option('-C, --directory <folder>', 'work in this folder').argParser(folderPath),
    new Option('--format <format>', 'how results are printed').choices(['text', 'json']),
    new Option('--color <when>', 'colours').choices(['auto', 'always', 'never']),
    new Option('-q, --quiet', 'print results and errors only'),
    new Option('-v, --verbose', 'print the log lines of what runs'),
  ].map((option) => option.helpGroup(sharedGroup))
}

export function helpOption(): Option {
  return new Option('-h, --help', 'show what a command takes').helpGroup(sharedGroup)
}

/** The shared options of a command, wherever on the line they were given. */
export function sharedOf(target: CommandUnknownOpts): SharedOptions {
  const given: Record<string, unknown> = {}
  for (let at: CommandUnknownOpts | null = target; at !== null; at = at.parent)
    for (const [name, value] of Object.entries(at.opts())) given[name] ??= value
  return {
    format: given['format'] === 'json' ? 'json' : 'text',
    color: given['color'] === 'always' || given['color'] === 'never' ? given['color'] : 'auto',
    quiet: given['quiet'] === true,
    verbose: given['verbose'] === true,
    directory: typeof given['directory'] === 'string' ? given['directory'] : undefined,
  }
}

/** A whole number of at least one. @throws InvalidArgumentError */
export function positiveInteger(text: string): number {
  const value = naturalNumber(text)
  if (value === 0) throw new InvalidArgumentError('It must be at least 1.')
  return value
}

/** A whole number of at least zero. @throws InvalidArgumentError */
export function naturalNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

/** A folder's path; empty, as from a variable that is not set, it would mean the working folder. */
export function folderPath(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.')
  return text
}

/** A TCP port; 0 lets the system choose. @throws InvalidArgumentError */
export function portNumber(text: string): number {
  const value = naturalNumber(text)
  if (value > 65_535) throw new InvalidArgumentError('It must be at most 65535.')
  return value
}

/** Collects `KEY=VALUE` options into a record. @throws InvalidArgumentError */
export function keyValue(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must look like KEY=VALUE.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/**
 * Collects words. One that begins with `[` is a JSON list of words, as in a Dockerfile: the way to
 * write words that begin with a hyphen, or none. @throws InvalidArgumentError
 */
export function wordList(text: string, before: readonly string[] = []): readonly string[] {
  if (!text.startsWith('[')) return [...before, text]
  try {
    const words: unknown = JSON.parse(text)
    if (Array.isArray(words) && words.every((word) => typeof word === 'string'))
      return [...before, ...words]
  } catch {
    // Told below, like a list of other things.
  }
  throw new InvalidArgumentError('It begins like a JSON list of words, such as ["sh", "-c"].')
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
