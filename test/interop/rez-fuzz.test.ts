/** A little of what `rez-soak.ts` does at length. */
import { outside } from '../outside.ts'
import { compareReaders } from '../../src/interop/mangled.fixture.ts'
import { readHostileRepository } from './rez-fuzz.ts'

const python = outside(['bwrap', 'python3', 'namespaces'])
const note = (): undefined => undefined

python(
  'hostile definitions are contained and told, and the others are read',
  async () => {
    await readHostileRepository({ seed: 1, mangled: 20, hostile: 'quick', note })
  },
  120_000,
)

python(
  'mangled definitions are read as Python reads them, or left to Python',
  async () => {
    await compareReaders({ seed: 2, files: 150 })
  },
  60_000,
)
