/**
 * Small worlds as lines of text, for tests that are written to be read.
 *
 * `NAME VERSION…: REQUIREMENT (reason); REQUIREMENT` is a recipe for each version, and `[option]`
 * behind one gives them all that option. `NAME system VERSION` comes with the machine, and
 * `NAME system: LINE` does not, but that line installs it.
 */
import { findPlatform } from '#model/index.ts'
import type { CatalogEntry } from './entry.ts'
import { recipe, request, system } from './fixture.ts'
import { catalogOf } from './memory.ts'
import type { Resolution } from './resolution.ts'
import { resolve } from './resolve.ts'

/** The answer to a request in a world, on a Linux machine with glibc 2.31. */
export function answerIn(
  world: readonly string[],
  asked: readonly string[],
  platform?: string,
): Resolution {
  const context = platform === undefined ? {} : { platform: findPlatform(platform) }
  return resolve(catalogOf(world.flatMap(entriesOf)), request(asked, context))
}

function entriesOf(line: string): readonly CatalogEntry[] {
  const [head = '', list = ''] = splitOnce(line, ': ')
  const [name = '', ...versions] = head.replace(/:$/, '').split(/\s+/)
  if (versions[0] === 'system') return [system(name, versions[1], list === '' ? undefined : list)]
  const option = /\[(\w+)\]/.exec(head)?.[1]
  const plain = versions.map((text) => text.replace(/\[\w+\]$/, '')).filter(Boolean)
  return recipe(name, plain.join(' '), {
    ...(option === undefined ? {} : { options: `{ ${option}: { default: false } }` }),
    requires: list
      .split('; ')
      .filter((one) => one.trim() !== '')
      .map(requirementOf),
  })
}

function requirementOf(text: string): string {
  const [, require = text, reason] = /^(.*?)(?: \((.*)\))?$/.exec(text.trim()) ?? []
  return reason === undefined ? require : JSON.stringify({ require, reason })
}

function splitOnce(text: string, at: string): readonly string[] {
  const place = text.indexOf(at)
  return place < 0 ? [text] : [text.slice(0, place), text.slice(place + at.length)]
}
