/**
 * A second way of solving, which shares nothing with ours: the problem as an answer set program for
 * Debian's gringo and clasp.
 *
 * It gives the verdict and, when there is an answer, the best ranks of what the request needs, in
 * its order: the first preference, grades of all before candidates of any. Source: Potassco User
 * Guide 2.2.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import type { CandidateId, Dependency, PackageId, PackageSource } from '#solver/index.ts'

export const programs = ['gringo', 'clasp'] as const

const rules = `
#defined root/1. #defined needs/1. #defined pkg/1.
#defined on/2. #defined asks/2. #defined allow/2. #defined cand/2. #defined rank/2. #defined first/3. #defined grade/2.
{ in(C) : cand(P,C) } 1 :- pkg(P).
has(P) :- in(C), cand(P,C).
met(D) :- in(C), allow(D,C).
asked(D) :- root(D).
asked(D) :- asks(C,D), in(C).
:- asked(D), needs(D), not met(D).
:- asked(D), on(D,P), has(P), not met(D).
#minimize { G@L,P : first(P,L,_), cand(P,C), in(C), grade(C,G) }.
#minimize { R@L,P : first(P,_,L), cand(P,C), in(C), rank(C,R) }.
#show in/1.
`

export type OracleAnswer =
  | { readonly kind: 'unsolvable' }
  /** Places among the candidates, best 0, of the packages that the request needs, in its order. */
  | { readonly kind: 'solved'; readonly ranks: readonly number[] }

/** Asks gringo and clasp. @throws when they do not answer. */
export function askOracle(source: PackageSource, roots: readonly Dependency[]): OracleAnswer {
  using folder = temporaryFolder()
  const file = join(folder.path, 'problem.lp')
  const { text, ordered } = programOf(source, roots)
  writeFileSync(file, text)
  const said = JSON.parse(run(`gringo "${file}" | clasp --outf=2 --opt-mode=opt`))
  if (said.Result === 'UNSATISFIABLE') return { kind: 'unsolvable' }
  if (ordered.length === 0 && said.Result === 'SATISFIABLE') return { kind: 'solved', ranks: [] }
  if (said.Result !== 'OPTIMUM FOUND') throw new Error(`clasp said ${String(said.Result)}`)
  const chosen = new Set<string>(said.Call.at(-1).Witnesses.at(-1).Value)
  const ranks = ordered.map((id) =>
    source.candidates(id).findIndex((candidate) => chosen.has(`in(${candidate})`)),
  )
  return { kind: 'solved', ranks }
}

/** Our answer as the oracle tells its own. */
export function ranksOf(
  source: PackageSource,
  roots: readonly Dependency[],
  candidates: readonly CandidateId[],
): number[] {
  const chosen = new Set(candidates)
  return needed(roots).map((id) => source.candidates(id).findIndex((one) => chosen.has(one)))
}

function needed(roots: readonly Dependency[]): PackageId[] {
  return [...new Set(roots.filter((root) => root.needed).map((root) => root.package))]
}

function programOf(source: PackageSource, roots: readonly Dependency[]) {
  const facts: string[] = []
  const seen = new Set<PackageId>()
  const demands = new Map<Dependency, number>()
  const queue: PackageId[] = []
  const see = (id: PackageId): void => {
    if (seen.has(id)) return
    seen.add(id)
    queue.push(id)
  }
  const demandOf = (dependency: Dependency): number => {
    const known = demands.get(dependency)
    if (known !== undefined) return known
    const number = demands.size
    demands.set(dependency, number)
    see(dependency.package)
    facts.push(`on(${number},${dependency.package}).`)
    if (dependency.needed) facts.push(`needs(${number}).`)
    for (const id of dependency.allowed) facts.push(`allow(${number},${id}).`)
    return number
  }
  for (const root of roots) facts.push(`root(${demandOf(root)}).`)
  const ordered = needed(roots)
  for (const [at, id] of ordered.entries())
    facts.push(`first(${id},${2 * ordered.length - at},${ordered.length - at}).`)
  for (const id of queue) {
    facts.push(`pkg(${id}).`)
    const all = source.candidates(id)
    const grades = all.map((one) => source.gradeOf?.(one) ?? one)
    for (const [rank, candidate] of all.entries()) {
      facts.push(`cand(${id},${candidate}).`, `rank(${candidate},${rank}).`)
      facts.push(`grade(${candidate},${grades.indexOf(grades[rank] ?? candidate)}).`)
      for (const dependency of source.dependencies(candidate))
        facts.push(`asks(${candidate},${demandOf(dependency)}).`)
    }
  }
  return { text: [...facts, rules].join('\n'), ordered }
}

/** clasp ends with 10, 20 or 30 after an answer, which is no failure. */
function run(line: string): string {
  const child = Bun.spawnSync(['sh', '-c', line], { stdout: 'pipe', stderr: 'pipe' })
  const said = child.stdout.toString()
  if (said.trim() !== '') return said
  throw new Error(`gringo and clasp gave nothing:\n${child.stderr.toString()}`)
}
