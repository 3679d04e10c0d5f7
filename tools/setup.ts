/**
 * Installs the programs of others that the demo (`demo`) or the tests (`all`) run, or says how to.
 */
import { setUp } from './setup/install.ts'

const purpose = process.argv[2] === 'demo' ? 'demo' : undefined
const outcome = await setUp(purpose)
switch (outcome.kind) {
  case 'complete':
    console.log('Every program is there.')
    break
  case 'installed':
    console.log(`Installed: ${outcome.names.join(', ')}`)
    break
  case 'missing':
    console.error(`Missing: ${outcome.names.join(', ')}. To install, type:`)
    for (const line of outcome.lines) console.error(`  ${line}`)
    process.exitCode = 1
    break
  case 'failed':
    console.error(`${outcome.log}\nCould not install: ${outcome.names.join(', ')}`)
    process.exitCode = 1
    break
}
