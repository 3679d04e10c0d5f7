/**
 * Whether an answer is as good as Rez's: the same verdict, valid, nothing requested is older.
 */
import { parseRequirement, parseVersion } from '#model/index.ts'
import type { Dependency, Solution } from '#solver/index.ts'
import type { RezAnswer, RezSource } from './rez-source.ts'

interface Compared {
  readonly request: readonly string[]
  readonly solution: Solution
  readonly rez: RezAnswer | undefined
}

/** What is wrong with a solution beside Rez's answer; undefined when nothing is. */
export function disagreement(source: RezSource, compared: Compared): string | undefined {
  const { request, solution, rez } = compared
  if ((solution.kind === 'solved') !== (rez?.status === 'solved'))
    return `it is ${solution.kind}, but Rez says ${rez?.status}`
  if (solution.kind !== 'solved') return undefined
  const demands = [
    ...source.roots(request),
    ...solution.candidates.flatMap((id) => source.dependencies(id)),
  ]
  const chosen = new Map(solution.candidates.map((id) => [source.packageOf(id), id]))
  const holds = ({ package: index, needed, allowed }: Dependency): boolean => {
    const id = chosen.get(index)
    return id === undefined ? !needed : [...allowed].includes(id)
  }
  if (chosen.size < solution.candidates.length) return 'a package is chosen twice'
  if (!demands.every(holds)) return 'a demand is not met'
  return older(source, compared, solution)
}

function older(
  source: RezSource,
  { request, rez }: Compared,
  solution: Solution & { readonly kind: 'solved' },
): string | undefined {
  const ours = new Map(
    solution.candidates.map((id) => {
      const { name, version } = source.candidate(id)
      return [name, version] as const
    }),
  )
  const theirs = new Map(
    rez?.resolved.map((text) => {
      const [, name = '', version = ''] = /^([^-[]*)(?:-(.*))?\[/.exec(text) ?? []
      return [name, parseVersion(version, 'rez')] as const
    }),
  )
  for (const { name, kind } of request.map((text) => parseRequirement(text, 'rez'))) {
    if (kind !== 'require') continue
    const [own, other] = [ours.get(name), theirs.get(name)]
    if (own === undefined || (other !== undefined && own.key < other.key))
      return `${name} ${own?.text} is older than Rez's ${other?.text}`
  }
  return undefined
}
