/** Commands that explain an answer, or why there is none. */
import { choiceOf, command, environmentOptions } from '../options.ts'
import { whyNotText, whyText } from '../render/why.ts'
import { rezChoice, rezOptions } from '../rez-options.ts'
import type { Perform } from '../work.ts'

export function whyCommand(perform: Perform) {
  return command('why', 'show why a package is in an environment')
    .argument('<package...>', 'its name, and with --rez the request that it is in the answer to')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .addOption(rezOptions.repositories())
    .action(([name = '', ...request], options, self) =>
      perform(self, async ({ app, print }) => {
        const { why, whyRez } = await app()
        const isRez = options.rez !== undefined || request.length > 0
        const result = isRez
          ? await whyRez({ ...rezChoice(options), request, name })
          : await why({ ...choiceOf(options), name })
        print.result(result, whyText(isRez ? 'the request' : 'backlot.yaml'))
        return result.chains.length === 0 ? 1 : 0
      }),
    )
}

export function whyNotCommand(perform: Perform) {
  return command('why-not', 'show what stands in the way of having a package')
    .argument('<wanted...>', "such as 'imath 3.2', and with --rez the request that it is to fit")
    .addOption(environmentOptions.name())
    .addOption(rezOptions.repositories())
    .action(([wanted = '', ...request], options, self) =>
      perform(self, async ({ app, print }) => {
        const { whyNot, whyNotRez } = await app()
        const result =
          options.rez !== undefined || request.length > 0
            ? await whyNotRez({ ...rezChoice(options), request, wanted })
            : await whyNot({ ...choiceOf(options), wanted })
        print.result(result, whyNotText)
        return result.kind === 'possible' ? 0 : 1
      }),
    )
}
