/** How the difference of two lockfiles looks: on a terminal, and as Markdown for a change log. */
import type { Change, DiffResult, EnvironmentDiff } from '#app/index.ts'
import { count } from '../human.ts'
import type { Page } from '../page.ts'
import { changesText } from './lock.ts'

export function diffText(result: DiffResult, { paint }: Page): string {
  const names = `${result.from} → ${result.to}`
  if (result.environments.length === 0) return `${names}: the same packages`
  const parts = result.environments.flatMap((environment) => {
    if (environment.targets.length === 0) return [paint.bold(titleOf(environment))]
    return environment.targets.map(({ target, what, changes }) => {
      const added = isOwn(environment, what) ? ` (${what})` : ''
      const title = `${titleOf(environment)} for ${target}${added}: ${count(changes.length, 'change')}`
      return [paint.bold(title), changesText(changes, paint)].filter(Boolean).join('\n')
    })
  })
  return [names, ...parts].join('\n')
}

/** The same as a change log in Markdown. */
export function diffMarkdown(result: DiffResult): string {
  const parts = result.environments.flatMap((environment) =>
    environment.targets.map(({ target, what, changes }) => {
      const added = isOwn(environment, what) ? ` (${what})` : ''
      return [
        `## ${escaped(`${titleOf(environment)} for ${target}`)}${added}`,
        '',
        ...changes.map((change) => `- ${changeMarkdown(change)}`),
        '',
      ].join('\n')
    }),
  )
  const nothing = parts.length === 0 ? ['The same packages.\n'] : parts
  return [`# ${escaped(`${result.from} → ${result.to}`)}\n`, ...nothing].join('\n')
}

/** Whether a target came or went while its environment stayed. */
function isOwn(environment: EnvironmentDiff, what: EnvironmentDiff['what']): boolean {
  return environment.what === 'changed' && what !== 'changed'
}

function titleOf({ name, what, platform, until }: EnvironmentDiff): string {
  const moves = [platform, until].flatMap((moved) =>
    moved === undefined || what !== 'changed'
      ? []
      : `${moved.before ?? 'none'} → ${moved.after ?? 'none'}`,
  )
  const notes = [...(what === 'changed' ? [] : [what]), ...moves]
  return notes.length === 0 ? name : `${name} (${notes.join(', ')})`
}

function changeMarkdown({ name, before = '', after = '', what, because }: Change): string {
  const reason = because === undefined ? '' : `, because ${escaped(because)}`
  const versions = { before: escaped(before), after: escaped(after) }
  const subject = `**${escaped(name)}**`
  switch (what) {
    case 'added':
      return `${subject} ${versions.after} (added)${reason}`
    case 'removed':
      return `${subject} ${versions.before} (removed)${reason}`
    case 'rebuilt':
      return `${subject} ${versions.after} (rebuilt)${reason}`
    case 'upgraded':
    case 'downgraded': {
      const kind = what === 'upgraded' ? 'upgrade' : 'downgrade'
      return `${subject} ${versions.before} → ${versions.after} (${kind})${reason}`
    }
  }
}

/** Text of a lockfile says what it says, and formats nothing. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()<>#+!|~&]/g, '\\$&').replaceAll(/\s+/g, ' ')
}
