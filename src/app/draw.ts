/** What `graph` draws: an environment as it is locked, or the answer to a Rez request. */
import { AppError } from '#kernel/index.ts'
import { parseRequirement } from '#model/index.ts'
import type { AppContext } from './context.ts'
import { graphOfLock, graphOfRez } from './graph.ts'
import { lockedOf } from './inspect.ts'
import { environmentOf, type OpenProject } from './project.ts'
import type { EnvironmentChoice, GraphResult } from './results.ts'
import { solveInRez } from './solve-rez.ts'
import type { World } from './world.ts'

/** @throws AppError `cli/usage` for requests, which are for Rez; `cli/unsolvable` */
export async function graphOfEnvironment(
  world: World,
  at: OpenProject,
  choice: EnvironmentChoice & { readonly requests: readonly string[] },
): Promise<GraphResult> {
  const [request] = choice.requests
  if (request !== undefined)
    throw new AppError(
      'cli/usage',
      `'${request}' was given, and an environment takes no requests`,
      {
        hints: ['`--rez PATH` draws the answer to a request in a Rez repository.'],
      },
    )
  const { name, target, environment, at: locked } = await lockedOf(world, at, choice)
  const { platform } = environment
  const title = [name, platform, target].filter((word) => word !== undefined).join(' · ')
  const required = environmentOf(at, name).packages.filter((one) => one.kind === 'require')
  const asked = new Set(required.map((one) => one.name))
  return { kind: 'drawn', graph: graphOfLock(title, locked.packages, asked) }
}

/** @throws AppError `cli/usage` without a request */
export async function graphOfRequest(
  context: AppContext,
  repositories: readonly string[],
  request: readonly string[],
): Promise<GraphResult> {
  if (request.length === 0)
    throw new AppError('cli/usage', 'No request was given to draw the answer of', {
      hints: ['`backlot graph --rez PATH maya-2024 usd` draws what these two need.'],
    })
  for (const text of request) parseRequirement(text, 'rez')
  const answer = await solveInRez(context, { repositories, request })
  if (answer.kind === 'failed') return { ...answer, kind: 'unsolvable' }
  return { kind: 'drawn', graph: graphOfRez(request, answer.packages) }
}
