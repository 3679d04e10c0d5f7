/**
 * Rez's package filters: which packages are not looked at.
 *
 * Invariant: a package is left out when one of the filters leaves it out; a filter leaves out what
 * one of its excludes matches and none of its includes. Rules without a family are for all.
 * Source: rez 3.4 `package_filter.py`; odd cases are kept (the family of `foo-1.2-*` is `foo-1.2`).
 */
import { AppError } from '#kernel/index.ts'
import { contains, parseRequirement, parseVersion } from '#model/index.ts'

/** What a rule looks at. */
export interface Filtered {
  readonly name: string
  /** Empty when the package has no versions. */
  readonly version: string
  /** Seconds since 1970; 0 when unknown. Read when a rule asks for it. */
  readonly timestamp: () => number
}

export interface FilterRules {
  readonly excludes: readonly string[]
  readonly includes: readonly string[]
}

/** Whether a package is left out. */
export type PackageFilter = (one: Filtered) => boolean

interface Rule {
  readonly kind: 'version' | 'time'
  /** Undefined when it is for all packages. */
  readonly family: string | undefined
  readonly matches: (one: Filtered) => boolean
}

/** @throws AppError `interop/bad-config` for a rule that is none. */
export function packageFilter(filters: readonly FilterRules[]): PackageFilter | undefined {
  const parsed = filters
    .map(({ excludes, includes }) => ({
      excludes: excludes.map(ruleOf),
      includes: includes.map(ruleOf),
    }))
    .filter(({ excludes }) => excludes.length > 0)
  if (parsed.length === 0) return undefined
  const hit = (rules: readonly Rule[], one: Filtered): boolean =>
    rules.some(({ family, matches }) => (family ?? one.name) === one.name && matches(one))
  return (one) => parsed.some((own) => hit(own.excludes, one) && !hit(own.includes, one))
}

/**
 * Filters with rules of a command line: excludes go to the filter that Rez looks at last, includes
 * to every one.
 * @throws AppError `interop/bad-config`
 */
export function withRules(filters: readonly FilterRules[], added: FilterRules): FilterRules[] {
  const sorted = filters.toSorted((a, b) => costOf(a) - costOf(b))
  const last = sorted.pop() ?? { excludes: [], includes: [] }
  const all = [...sorted, { ...last, excludes: [...last.excludes, ...added.excludes] }]
  return all.map((one) => ({ ...one, includes: [...one.includes, ...added.includes] }))
}

function costOf({ excludes }: FilterRules): number {
  return excludes
    .map(ruleOf)
    .reduce((sum, { kind, family }) => sum + (kind === 'time' ? 1000 : 10) / (family ? 10 : 1), 0)
}

const labelled = /^([^(]+)\(([^()]+)\)$/

function ruleOf(text: string): Rule {
  const [, label = text.includes('*') ? 'glob' : 'range', body = text] = labelled.exec(text) ?? []
  switch (label) {
    case 'glob':
      return patternRule(text, body, globPattern(body))
    case 'regex':
      return patternRule(text, body, body.replaceAll('(?P<', '(?<').replaceAll('\\Z', '$'))
    case 'range':
      return rangeRule(text, body)
    case 'before':
    case 'after':
      return timeRule(text, body, label)
    default:
      throw badRule(text, `'${label}' is none of glob, regex, range, before, after`)
  }
}

function patternRule(text: string, body: string, pattern: string): Rule {
  const family = /^[^*?]+[-@#]/.exec(body)?.[0].slice(0, -1)
  let expression: RegExp
  try {
    expression = new RegExp(`^(?:${pattern})`, 's')
  } catch (error) {
    throw badRule(text, error instanceof Error ? error.message : 'it is no expression')
  }
  return {
    kind: 'version',
    family,
    matches: ({ name, version }) => expression.test(version === '' ? name : `${name}-${version}`),
  }
}

/** As Python's fnmatch has it. */
function globPattern(glob: string): string {
  const pattern = glob.replaceAll(
    /\*+|\?|\[(!?)(\]?[^\]]*)\]|[\\^$.|+(){}[\]/-]/g,
    (all: string, not?: string, set?: string) => {
      if (all.startsWith('*')) return '.*'
      if (all === '?') return '.'
      if (set === undefined) return `\\${all}`
      return `[${not ? '^' : ''}${set.replaceAll(/[\\\][^]/g, String.raw`\$&`)}]`
    },
  )
  return `${pattern}$`
}

function rangeRule(text: string, body: string): Rule {
  try {
    const { name, kind, versions } = parseRequirement(body, 'rez')
    return {
      kind: 'version',
      family: name,
      matches: ({ version }) =>
        contains(versions, parseVersion(version, 'rez')) === (kind !== 'conflict'),
    }
  } catch (error) {
    throw badRule(text, error instanceof AppError ? error.message : 'it is no requirement')
  }
}

function timeRule(text: string, body: string, label: 'before' | 'after'): Rule {
  const [, family, seconds = ''] = /^(?:([^:]*):)?(.*)$/s.exec(body) ?? []
  if (!/^\s*-?\d+\s*$/.test(seconds)) throw badRule(text, 'it has no time in seconds since 1970')
  const limit = Number(seconds)
  return {
    kind: 'time',
    family,
    matches: ({ timestamp }) => {
      const own = timestamp()
      return own !== 0 && (label === 'after' ? own > limit : own <= limit)
    },
  }
}

function badRule(text: string, why: string): AppError {
  return new AppError('interop/bad-config', `'${text}' is not a package filter rule: ${why}`, {
    hints: ["Rules are 'foo-1+<2', '*.beta', 'regex(.*-\\d+)', 'before(1700000000)', …"],
  })
}
