/** Error codes of the area `store`. */
import type { ErrorMeaning } from './meaning.ts'

const refusal =
  'The layer is refused; nothing of it was kept and nothing was written outside the store.'

/** What a refused layer means. */
function hostile(text: string): ErrorMeaning {
  return { exit: 1, status: 422, text: `${text} ${refusal}` }
}

export const storeErrors = {
  'store/digest-mismatch': {
    exit: 1,
    status: 500,
    text: 'Bytes do not hash to the name they were asked for under. They were cut short or changed on the way or on the disk; nothing was published. `backlot store verify --repair` moves damaged blobs away so that they are fetched again.',
  },
  'store/blob-unknown': {
    exit: 1,
    status: 404,
    text: 'A blob was asked for that is not in this store.',
  },
  'store/diff-id-mismatch': hostile(
    'The uncompressed tar of a layer does not hash to the diff ID that its image config or build config gives.',
  ),
  'store/pack-special-file': {
    exit: 1,
    status: 422,
    text: 'A folder to be packed holds a socket, a pipe or a device. A package consists of files, folders and symbolic links.',
  },
  'store/pack-link-escape': {
    exit: 1,
    status: 422,
    text: 'A symbolic link in a folder to be packed leads out of the prefix (or climbs with `..` after going down). Elsewhere it would lead to other files; link relatively within the package or install a copy.',
  },
  'store/pack-changed': {
    exit: 1,
    status: 409,
    text: 'A file changed while it was being packed. Wait until whatever writes it has ended, then pack again.',
  },
  'store/layer-absolute-path': hostile('A layer holds an entry with an absolute path.'),
  'store/layer-parent-path': hostile('A layer holds an entry whose path climbs with `..`.'),
  'store/layer-bad-name': hostile(
    'A layer holds a name that is empty, too long, not UTF-8, or has a backslash or a control character.',
  ),
  'store/layer-outside-prefix': hostile('A layer holds an entry outside of /usr/local.'),
  'store/layer-link-escape': hostile(
    'A layer holds a symbolic or hard link that leads out of the prefix.',
  ),
  'store/layer-dangling-link': hostile(
    'A layer holds a hard link to something that is no file before it in the same layer.',
  ),
  'store/layer-through-link': hostile(
    'A layer holds an entry below a symbolic link or a file, so that unpacking would write through it.',
  ),
  'store/layer-device': hostile('A layer holds a device or a pipe.'),
  'store/layer-setuid': hostile(
    'A layer holds a file with the setuid or setgid bit or with capabilities.',
  ),
  'store/layer-too-many': hostile('A layer holds more entries than any package has.'),
  'store/layer-bomb': hostile(
    'A layer unpacks to far more bytes than its size, its frames or the limits allow.',
  ),
  'store/layer-case-clash': hostile(
    'Two paths of a layer differ only in case or in Unicode form, so they would be one file on macOS and Windows.',
  ),
  'store/layer-duplicate': hostile('A layer holds the same path twice.'),
  'store/layer-whiteout': hostile(
    'A build’s layer holds a whiteout (`.wh.`), which would remove files of another package.',
  ),
  'store/layer-truncated': hostile('A layer ends in the middle of its tar or of a zstd frame.'),
  'store/layer-corrupt': hostile('A layer is no well-formed zstd or tar.'),
  'store/layer-unsupported': hostile(
    'A layer uses a feature of tar that could hide content: sparse files, global records, unknown entry types.',
  ),
  'store/layer-toc-mismatch': hostile(
    'The zstd:chunked table of contents of a layer does not tell the same as its tar, so podman and docker would see different files.',
  ),
  'store/view-collision': {
    exit: 1,
    status: 409,
    text: 'Two builds of an environment bring the same path with different content. The message names both and the path; leave one of them out, or build one without that file.',
  },
  'store/view-occupied': {
    exit: 1,
    status: 409,
    text: 'A folder that a view is to be put into is not empty.',
  },
} as const satisfies Record<`store/${string}`, ErrorMeaning>
