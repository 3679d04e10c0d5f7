/**
 * What `npm test` checks beside the tests: format, lint, types, dead code, generated files.
 */
import { join } from 'node:path'

export interface Check {
  readonly name: string
  readonly argv: readonly string[]
  /** What to do when it fails. */
  readonly hint: string
}

/** The checks of the repository at `root`, in the order in which a person wants to read them. */
export function checks(root: string): readonly Check[] {
  const program = (name: string) => join(root, 'node_modules/.bin', name)
  return [
    { name: 'format', argv: [program('biome'), 'format', '.'], hint: 'npm run format' },
    {
      name: 'lint',
      argv: [program('oxlint'), '--type-aware', '--deny-warnings', '.'],
      hint: 'mend what it says; a suppression needs its reason on the line',
    },
    { name: 'types', argv: [program('tsc'), '-p', root], hint: 'mend what it says' },
    {
      name: 'dead code',
      argv: [program('knip'), '--no-progress', '--no-config-hints'],
      hint: 'remove what nothing uses',
    },
    {
      name: 'generated files',
      argv: [process.execPath, join(root, 'tools/generate.ts'), '--check'],
      hint: 'npm run generate',
    },
  ]
}
