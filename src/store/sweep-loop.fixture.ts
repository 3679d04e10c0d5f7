/** Takes away every view of a store that is not asked for, again and again, until its input ends. */
import { openStore } from './store.ts'
import { sweepViews } from './sweep-views.ts'

const store = openStore(process.argv[2] ?? '')
const ended = new AbortController()
process.stdin.resume().once('end', () => ended.abort())
let removed = 0
while (!ended.signal.aborted) {
  const sweep = { oldestMs: Date.now() - 1000, wanted: new Set<string>(), dryRun: false }
  removed += (await sweepViews(store, sweep)).removed
  await Bun.sleep(0)
}
process.stdout.write(String(removed))
