/** Commands that look after the machine and the store. */
import { command, naturalNumber } from '../options.ts'
import { cleanText, doctorText, gcText, isLack, verifyText } from '../render/upkeep.ts'
import type { Perform } from '../work.ts'

export function doctorCommand(perform: Perform) {
  return command('doctor', 'check this machine, and print what to install').action(
    (_options, self) =>
      perform(self, async ({ app, print }) => {
        const checks = await (await app()).doctor()
        print.result(checks, doctorText)
        return checks.some(isLack) ? 1 : 0
      }),
  )
}

export function gcCommand(perform: Perform) {
  return command('gc', 'remove what no lockfile, view in use or tag reaches')
    .option('--keep-days <days>', 'keep what is younger than this', naturalNumber, 14)
    .option('--dry-run', 'print what would go, remove nothing', false)
    .action(({ keepDays, dryRun }, self) =>
      perform(self, async ({ app, print }) => {
        print.result(await (await app()).gc({ keepDays, dryRun }), gcText)
        return 0
      }),
    )
}

export function cleanCommand(perform: Perform) {
  return command('clean', 'remove views, failed builds, downloads and the compile cache')
    .option('--dry-run', 'print what would go, remove nothing', false)
    .action(({ dryRun }, self) =>
      perform(self, async ({ app, print }) => {
        print.result(await (await app()).clean({ dryRun }), cleanText)
        return 0
      }),
    )
}

export function storeCommand(perform: Perform) {
  const verify = command('verify', 'read every blob and file, and compare it with its name')
    .option('--repair', 'remove what is corrupt, so that it is fetched or built again', false)
    .action(({ repair }, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).storeVerify({ repair })
        print.result(result, verifyText)
        return result.corrupt.length === 0 || result.repaired ? 0 : 1
      }),
    )
  return command('store', 'check the local store').addCommand(verify)
}
