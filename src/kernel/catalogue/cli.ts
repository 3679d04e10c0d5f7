/** Error codes of the area `cli`: wrong use, and files that a command works on. */
import type { ErrorMeaning } from './meaning.ts'

export const cliErrors = {
  'cli/usage': {
    exit: 2,
    status: 400,
    text: 'A command, option or argument is unknown, missing or malformed. `backlot help COMMAND` shows what it takes.',
  },
  'cli/internal': {
    exit: 1,
    status: 500,
    text: 'A fault of Backlot itself: something happened that it has no answer for. Nothing that was acknowledged is lost. Run the command again with `-v` and report what it prints.',
  },
  'cli/exists': {
    exit: 2,
    status: 409,
    text: 'The file or folder to be made exists already. Nothing was changed.',
  },
  'cli/no-project': {
    exit: 2,
    status: 404,
    text: 'Neither this folder nor one above it has a backlot.yaml. `backlot init` makes one.',
  },
  'cli/no-environment': {
    exit: 2,
    status: 404,
    text: 'backlot.yaml has no environment of that name.',
  },
  'cli/not-locked': {
    exit: 1,
    status: 409,
    text: 'The lockfile is missing, or backlot.yaml asks for something else than what is locked, and `--locked` or `--frozen` forbids solving. `backlot lock` brings it up to date.',
  },
  'cli/not-built': {
    exit: 1,
    status: 409,
    text: 'The environment holds packages that no registry has and that are not built here yet. `backlot build` builds them.',
  },
  'cli/not-in-environment': {
    exit: 1,
    status: 404,
    text: 'The package is not part of the environment.',
  },
  'cli/unknown-package': {
    exit: 1,
    status: 404,
    text: 'Neither a recipe nor a build of that package is known here or in the registry of the project.',
  },
  'cli/unsolvable': {
    exit: 1,
    status: 409,
    text: 'No choice of versions satisfies what was asked for. The message is the chain of demands that clash; nothing was changed.',
  },
  'cli/host-too-old': {
    exit: 1,
    status: 409,
    text: 'The builds of the environment need something of the machine (a newer C library, a driver) that this one does not have.',
  },
  'cli/unknown-shell': {
    exit: 2,
    status: 400,
    text: 'The shell that was asked for is none of bash, zsh and fish, or is not installed.',
  },
  'cli/bad-place': {
    exit: 2,
    status: 400,
    text: 'A place for images is none of `HOST/REPOSITORY:TAG`, `oci:FOLDER:TAG` and `docker-archive:FILE:NAME:TAG`.',
  },
} as const satisfies Record<`cli/${string}`, ErrorMeaning>
