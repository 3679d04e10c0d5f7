import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { memoryBlobs } from '#store/index.ts'
import { silent, systemClock } from '#kernel/index.ts'
import { buildGraph, type GraphNode } from './graph.ts'
import type { BuildContext, BuildRequest, BuildResult } from './request.ts'

const context: BuildContext = {
  home: '/nowhere',
  store: { home: '/nowhere', blobs: memoryBlobs() },
  toolchain: { compiler: 'gcc', version: '12', cc: 'gcc', cxx: 'g++' },
  sandbox: 'bubblewrap',
  jobs: 1,
  mirrors: [],
  env: {},
  createdBy: 'backlot 0',
  emit: silent,
  signal: new AbortController().signal,
  clock: systemClock,
}

/** A graph as lists of needs by number; each need is smaller, so there is no cycle. */
const graphs = fc
  .integer({ min: 1, max: 12 })
  .chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, index) =>
        index === 0 ? fc.constant([]) : fc.uniqueArray(fc.nat(index - 1), { maxLength: 3 }),
      ),
    ),
  )

function nodesOf(graph: readonly (readonly number[])[], seen: (name: string) => void): GraphNode[] {
  return graph.map((needs, index) => ({
    name: String(index),
    needs: needs.map(String),
    request: (built) => {
      for (const need of needs) expect(built.has(String(need))).toBe(true)
      seen(String(index))
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only handed on to `build`
      return { folder: String(index) } as BuildRequest
    },
  }))
}

test('every package is built once, after what it needs, and never too many at a time', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.integer({ min: 1, max: 4 }), async (graph, parallel) => {
      const order: string[] = []
      let running = 0
      const build = async (_: BuildContext, request: BuildRequest): Promise<BuildResult> => {
        running += 1
        expect(running).toBeLessThanOrEqual(parallel)
        await Promise.resolve()
        running -= 1
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- never looked into
        return { manifest: request.folder } as unknown as BuildResult
      }

      const nodes = nodesOf(graph, (name) => void order.push(name))
      const outcomes = await buildGraph(context, nodes, { parallel, build })

      expect(order.length).toBe(graph.length)
      expect([...outcomes.values()].every(({ kind }) => kind === 'done')).toBe(true)
    }),
  )
})

test('a failure skips exactly what needs it, directly or not', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.nat(11), async (graph, failing) => {
      const build = async (_: BuildContext, request: BuildRequest): Promise<BuildResult> => {
        if (request.folder === String(failing)) throw new Error('failed')
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- never looked into
        return { manifest: request.folder } as unknown as BuildResult
      }
      const needing = new Set<number>()
      for (const [index, needs] of graph.entries())
        if (needs.some((need) => need === failing || needing.has(need))) needing.add(index)

      const nodes = nodesOf(graph, () => undefined)
      const outcomes = await buildGraph(context, nodes, { parallel: 2, build })

      for (const [index] of graph.entries())
        expect(outcomes.get(String(index))?.kind).toBe(
          index === failing ? 'failed' : needing.has(index) ? 'skipped' : 'done',
        )
    }),
  )
})

test('a cycle is a broken invariant, not a wait for ever', async () => {
  const nodes = nodesOf([[1], [0], []], () => undefined)

  const building = buildGraph(context, nodes, {
    parallel: 2,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- never looked into
    build: async () => ({}) as BuildResult,
  })

  await expect(building).rejects.toThrow('no cycle')
})
