/**
 * What a point in time leaves out, told where a request has no answer because of it.
 *
 * Not here: leaving it out (`candidate.ts`).
 */
import { releaseOf } from './candidate.ts'
import type { Catalog } from './entry.ts'
import { listed } from './explanation/subjects.ts'

/** Hints about versions of these packages that are not looked at. */
export function hintsAboutLeftOut(
  catalog: Catalog,
  names: ReadonlySet<string>,
  until: number,
): readonly string[] {
  return [...names].flatMap((name) => {
    const later: string[] = []
    const undated: string[] = []
    for (const entry of catalog.entries(name)) {
      const released = entry.kind === 'system' ? 'always' : releaseOf(entry, catalog)
      const text = entry.version?.text ?? ''
      if (released === undefined) undated.push(text)
      else if (released !== 'always' && released > until) later.push(`${text} (${dayOf(released)})`)
    }
    return [
      ...(later.length === 0
        ? []
        : [`Left out of ${name}, because released after ${dayOf(until)}: ${named(later)}.`]),
      ...(undated.length === 0
        ? []
        : [`No release date is known of ${name} ${named(undated)}: \`released:\` in its recipe.`]),
    ]
  })
}

/** A time in seconds since 1970 as its day in UTC. */
export function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10)
}

function named(versions: readonly string[]): string {
  return listed([...new Set(versions)], 'and')
}
