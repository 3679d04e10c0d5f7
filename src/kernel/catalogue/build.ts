/** Error codes of the area `build`. */
import type { ErrorMeaning } from './meaning.ts'

export const buildErrors = {
  'build/circle': {
    exit: 1,
    status: 422,
    text: 'Packages need each other while they are built, so none of them can be built first. Requirements that count only when a package runs belong under `run-requires:`; an existing build of one of the packages breaks the circle too.',
  },
  'build/source-missing': {
    exit: 1,
    status: 502,
    text: 'A source could not be had from any mirror nor from its own URL. The message lists what each place said; add a mirror (`mirrors:` in backlot.yaml) or mend the network.',
  },
  'build/source-mismatch': {
    exit: 1,
    status: 502,
    text: 'A source has another SHA-256 than its recipe says. Nothing of it was used. Either the download is not what the recipe was written for, or the recipe is wrong.',
  },
  'build/sources-changed': {
    exit: 1,
    status: 409,
    text: 'A folder or a patch of the recipe was written to while a build copied it, so that nobody could say what was built. Nothing was kept; run the same command again.',
  },
  'build/bad-archive': {
    exit: 1,
    status: 422,
    text: 'A source archive is damaged, of an unknown kind, or hostile: an entry leaves the folder, goes through a link, is a device, or can be read in two ways. Nothing of it is kept.',
  },
  'build/patch-failed': {
    exit: 1,
    status: 422,
    text: 'A patch of the recipe does not apply to the sources of this version.',
  },
  'build/tool-missing': {
    exit: 1,
    status: 500,
    text: 'A program that this build needs (a compiler, cmake, ninja, python, …) is not installed where builds can see it. Programs below /usr/local are hidden from builds.',
  },
  'build/no-sandbox': {
    exit: 1,
    status: 500,
    text: 'This machine refuses the namespaces that the build sandbox is made of. `--no-sandbox` builds without it, and the provenance of the result says so.',
  },
  'build/failed': {
    exit: 1,
    status: 500,
    text: 'A step of the recipe ended with an error. The message has the last lines of its log; the hints name the whole log and the command that enters the sandbox of that very build.',
  },
  'build/outside-prefix': {
    exit: 1,
    status: 422,
    text: 'The recipe installed files outside /usr/local, or nothing at all. A build holds files below the prefix only.',
  },
  'build/bad-file-name': {
    exit: 1,
    status: 422,
    text: 'A build installed a file that not every system could hold: its name is not UTF-8, has a control character or a backslash, or differs from another only in case. Rename it in a step.',
  },
  'build/leaked-path': {
    exit: 1,
    status: 422,
    text: 'Installed files name the folders that the build ran in, which exist nowhere else. Files that other builds read (CMake, pkg-config, scripts) must not.',
  },
  'build/bad-rpath': {
    exit: 1,
    status: 422,
    text: 'A program or library looks for its libraries in a folder outside the prefix, or cannot find one that it needs. RPATHs have to be relative to the file ($ORIGIN).',
  },
  'build/bad-elf': {
    exit: 1,
    status: 422,
    text: 'A file looks like an ELF program or library but its headers are damaged.',
  },
  'build/export-broken': {
    exit: 1,
    status: 422,
    text: 'Something that the recipe says it exports does not work for a real consumer: a CMake target, a pkg-config file, a program or a Python module. The build was not recorded.',
  },
  'build/bad-request': {
    exit: 2,
    status: 400,
    text: 'The build cannot be made as asked: the recipe has no sources or no steps, or is for another target than this machine.',
  },
  'build/unknown-workspace': {
    exit: 2,
    status: 404,
    text: 'The folder does not hold a failed build. `backlot clean` or a later success may have removed it.',
  },
} as const satisfies Record<`build/${string}`, ErrorMeaning>
