/**
 * Several builds in the order of their needs, some at a time.
 *
 * Invariant: a package is built when all that it needs is; a failure stops only what needs it;
 * equal input gives equal outcomes, whatever finished first.
 */
import { assert, throwIfCancelled } from '#kernel/index.ts'
import { buildOne } from './build-one.ts'
import type { BuildContext, BuildRequest, BuildResult } from './request.ts'

/** One package of a build graph; `request` is called when all that it needs is built. */
export interface GraphNode {
  readonly name: string
  /** Names of other nodes; what is built already need not be one. */
  readonly needs: readonly string[]
  readonly request: (built: ReadonlyMap<string, BuildResult>) => BuildRequest
}

export type GraphOutcome =
  | { readonly kind: 'done'; readonly result: BuildResult }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** Not tried, because something that it needs failed. */
  | { readonly kind: 'skipped'; readonly because: string }

/**
 * Builds a graph, `parallel` packages at once.
 * @throws AppError `kernel/cancelled` when the signal was aborted, after everything has stopped.
 */
export async function buildGraph(
  context: BuildContext,
  nodes: readonly GraphNode[],
  options: {
    readonly parallel: number
    readonly build?: (context: BuildContext, request: BuildRequest) => Promise<BuildResult>
  },
): Promise<ReadonlyMap<string, GraphOutcome>> {
  const outcomes = new Map<string, GraphOutcome>()
  const results = new Map<string, BuildResult>()
  const running = new Map<string, Promise<void>>()
  const waiting = new Map(nodes.map((node) => [node.name, node]))
  const build = options.build ?? buildOne
  const start = async (node: GraphNode) => {
    try {
      const result = await build(context, node.request(results))
      results.set(node.name, result)
      outcomes.set(node.name, { kind: 'done', result })
    } catch (error) {
      outcomes.set(node.name, { kind: 'failed', error })
    } finally {
      running.delete(node.name)
    }
  }
  while ((waiting.size > 0 && !context.signal.aborted) || running.size > 0) {
    let moved = false
    for (const node of context.signal.aborted ? [] : [...waiting.values()]) {
      const state = stateOf(node, { outcomes, waiting, running })
      if (state.kind === 'blocked') outcomes.set(node.name, { kind: 'skipped', because: state.by })
      if (state.kind === 'ready' && running.size < Math.max(1, options.parallel))
        running.set(node.name, start(node))
      else if (state.kind !== 'blocked') continue
      waiting.delete(node.name)
      moved = true
    }
    assert(running.size > 0 || waiting.size === 0 || moved, 'the graph has no cycle')
    if (running.size > 0) await Promise.race(running.values())
  }
  throwIfCancelled(context.signal, 'The build')
  return outcomes
}

type State =
  | { readonly kind: 'ready' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'blocked'; readonly by: string }

function stateOf(
  node: GraphNode,
  graph: {
    outcomes: ReadonlyMap<string, GraphOutcome>
    waiting: ReadonlyMap<string, GraphNode>
    running: ReadonlyMap<string, unknown>
  },
): State {
  for (const name of node.needs) {
    const outcome = graph.outcomes.get(name)
    if (outcome?.kind === 'failed') return { kind: 'blocked', by: name }
    if (outcome?.kind === 'skipped') return { kind: 'blocked', by: outcome.because }
  }
  const isOpen = (name: string) => graph.waiting.has(name) || graph.running.has(name)
  return node.needs.some(isOpen) ? { kind: 'waiting' } : { kind: 'ready' }
}
