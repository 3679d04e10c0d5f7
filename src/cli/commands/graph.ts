/** The command that draws an environment or a Rez answer. */
import { Option } from '@commander-js/extra-typings'
import type { PackageGraph } from '#app/index.ts'
import { choiceOf, command, environmentOptions } from '../options.ts'
import { rezOptions } from '../rez-options.ts'
import type { Perform } from '../work.ts'

type GraphFormat = 'svg' | 'dot' | 'json'

export function graphCommand(perform: Perform) {
  return command('graph', 'draw an environment’s packages and what they need')
    .argument('[requests...]', 'with --rez: requirements in Rez’s syntax')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .addOption(rezOptions.repositories())
    .addOption(
      new Option('--format <format>', 'how it is drawn')
        .choices(['svg', 'dot', 'json'] as const)
        .default('svg' as const),
    )
    .action((requests, options, self) =>
      perform(self, async ({ app, print }) => {
        const { format } = options
        const rez = options.rez === true ? [] : options.rez
        const answer = await (await app()).graph({ ...choiceOf(options), rez, requests })
        if (answer.kind === 'unsolvable') return print.answer(answer, answer, () => '')
        print.document(await drawn(answer.graph, format))
        return 0
      }),
    )
}

async function drawn(graph: PackageGraph, format: GraphFormat): Promise<string> {
  switch (format) {
    case 'svg':
      return (await import('../render/graph-svg.ts')).graphSvg(graph)
    case 'dot':
      return (await import('../render/graph-dot.ts')).graphDot(graph)
    case 'json':
      return `${JSON.stringify(graph, undefined, 2)}\n`
  }
}
