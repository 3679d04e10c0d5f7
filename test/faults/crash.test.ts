/** kill -9 at some random moments; `soak.ts` does the same many times. */
import { afterAll, type test } from 'bun:test'
import { outside } from '../outside.ts'
import { killBuilds, killOthers, killPublishes, killServers, type Soak } from './crash.ts'
import { removeTemplate } from './place.ts'

afterAll(removeTemplate)

const compiled: typeof test = outside(['namespaces', 'g++', 'cmake', 'make'])
const rounds = 6
const timeoutMs = 300_000

/** Says which moments they were when something did not hold. */
async function withSeed(soak: (options: Soak) => Promise<void>): Promise<void> {
  const seed = Date.now() % 1_000_000
  const said = [`seed ${seed}`]
  try {
    await soak({ rounds, seed, note: (text) => void said.push(text) })
  } catch (error) {
    console.error(said.join('\n'))
    throw error
  }
}

compiled('builds that are killed', () => withSeed(killBuilds), timeoutMs)
compiled('publishes that are killed', () => withSeed(killPublishes), timeoutMs)
compiled('registries that are killed', () => withSeed(killServers), timeoutMs)
compiled('other commands that are killed', () => withSeed(killOthers), timeoutMs)
