/** Why a package is in the answer to a request in Rez repositories. */
import { parseRequirement } from '#model/index.ts'
import { chainsTo } from './chains.ts'
import { notInAnswer, unsolvableError } from './refusals.ts'
import type { RezSolveOptions, WhyResult } from './results.ts'
import { solveInRez, type Surroundings } from './solve-rez.ts'

/** @throws AppError `cli/not-in-environment`, `cli/unsolvable`, and as `solveInRez` */
export async function whyInRez(
  context: Surroundings,
  options: RezSolveOptions & { readonly name: string },
): Promise<WhyResult> {
  const { name } = options
  const result = await solveInRez(context, options)
  if (result.kind === 'failed') throw unsolvableError(result)
  const versions = new Map(result.packages.map((one) => [one.name, one.version]))
  if (!versions.has(name)) throw notInAnswer(name, [...versions.keys()])
  const needed = (texts: readonly string[]): string[] =>
    texts.flatMap((text) => {
      const requirement = parseRequirement(text, 'rez')
      return requirement.kind === 'require' ? [requirement.name] : []
    })
  const needs = new Map(result.packages.map((one) => [one.name, needed(one.requires)]))
  const chains = chainsTo({ asked: needed(result.request), needs }, name)
  const told = (one: string): string => [one, versions.get(one)].filter(Boolean).join('-')
  return { name, chains: chains.map((chain) => chain.map(told)) }
}
