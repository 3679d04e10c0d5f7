/** Error codes of the area `interop`. */
import type { ErrorMeaning } from './meaning.ts'

export const interopErrors = {
  'interop/no-repository': {
    exit: 2,
    status: 404,
    text: 'A path that was given as a Rez repository is not a folder that can be read. A repository holds one folder for each package family, with one folder for each version in it.',
  },
  'interop/bad-definition': {
    exit: 1,
    status: 422,
    text: 'A package definition (package.py, package.yaml) cannot be used: it is too large, is not what it says, or asks for something that is no requirement. When a repository is read such packages are left out and named; the rest of the repository stands.',
  },
  'interop/bad-config': {
    exit: 2,
    status: 422,
    text: 'A setting of Rez (a rezconfig file, or a rule given on the command line) cannot be used: it is of another form than Rez wants, or holds code that cannot be run.',
  },
  'interop/no-python': {
    exit: 1,
    status: 500,
    text: 'Commands of Rez packages had to be run by Python, and there is no sandbox for it: bubblewrap or python3 is missing, or the system refuses namespaces. Package code is never run outside of a sandbox.',
  },
  'interop/commands-failed': {
    exit: 1,
    status: 422,
    text: 'The `commands()` of a Rez package raised an error, called `stop()`, ran for too long, or broke the Python that ran them. As in Rez, there is no environment then.',
  },
  'interop/bad-catalog': {
    exit: 1,
    status: 422,
    text: 'The catalog that Backlot keeps of a Rez repository is damaged. It is a cache: it is made anew without asking when that is noticed.',
  },
} as const satisfies Record<`interop/${string}`, ErrorMeaning>
