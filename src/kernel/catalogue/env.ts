/** Error codes of the area `env`. */
import type { ErrorMeaning } from './meaning.ts'

export const envErrors = {
  'env/no-namespaces': {
    exit: 1,
    status: 500,
    text: 'Mounting the view over the prefix was asked for, and this machine refuses user or mount namespaces, or bubblewrap is missing. Without the option Backlot falls back to variables that point into the view (`path` mode).',
  },
  'env/bad-path': {
    exit: 1,
    status: 500,
    text: 'In `path` mode the folder of the view stands in lists such as `PATH`, whose entries end at a colon; this folder has one in its name. Choose another `BACKLOT_HOME`, or mount the view.',
  },
  'env/foreign-file': {
    exit: 1,
    status: 409,
    text: 'An install would have to overwrite a file that Backlot did not put there. Nothing was changed. Move the file away, or install elsewhere.',
  },
  'env/bad-manifest': {
    exit: 1,
    status: 500,
    text: 'The list of files that an earlier `backlot install` wrote beside them cannot be read, so Backlot does not know which files are its own and changes none.',
  },
  'env/command-missing': {
    exit: 127,
    status: 500,
    text: 'The command to run is neither in the environment nor on the PATH of the machine. The exit code is the one that shells give then.',
  },
  'env/command-refused': {
    exit: 126,
    status: 500,
    text: 'The system refused to run the command: the file is not executable, is a folder, or was made for another machine. The exit code is the one that shells give then.',
  },
} as const satisfies Record<`env/${string}`, ErrorMeaning>
