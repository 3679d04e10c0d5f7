/** Error codes of the area `kernel`. */
import type { ErrorMeaning } from './meaning.ts'

export const kernelErrors = {
  'kernel/bad-digest': {
    exit: 2,
    status: 400,
    text: 'A digest is not `sha256:` and 64 lower-case hexadecimal digits (or `sha512:` and 128).',
  },
  'kernel/too-large': {
    exit: 1,
    status: 413,
    text: 'Input from outside is larger than the limit for its kind, so reading it was stopped.',
  },
  'kernel/no-space': {
    exit: 1,
    status: 507,
    text: 'The disk is full. Nothing that was acknowledged is lost and the half-written file is gone; free space (`backlot gc` helps), then run the same command again.',
  },
  'kernel/read-only': {
    exit: 1,
    status: 503,
    text: 'A folder that has to be written to cannot be: its file system is read-only, or it belongs to somebody else. Reading commands still work.',
  },
  'kernel/locked': {
    exit: 1,
    status: 503,
    text: 'Another Backlot holds the lock and did not let go of it within the time limit. Wait for it, or look which process it is.',
  },
  'kernel/program-missing': {
    exit: 1,
    status: 500,
    text: 'A program that Backlot runs is not installed. `backlot doctor` prints the line that installs it.',
  },
  'kernel/program-failed': {
    exit: 1,
    status: 500,
    text: 'A program that Backlot ran ended with an error; its last lines are part of the message.',
  },
  'kernel/cancelled': {
    exit: 1,
    status: 499,
    text: 'The work was cancelled (Ctrl-C or a signal). Everything that it started has ended.',
  },
} as const satisfies Record<`kernel/${string}`, ErrorMeaning>
