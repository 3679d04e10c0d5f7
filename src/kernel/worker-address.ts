/**
 * Where the file of a worker is.
 *
 * Inside the one-file program there are no files beside a module: a worker is an entry point of its
 * own there (`tools/compile.ts`), found by its path below src/.
 */

/** `below`: the path from src/, as `./room/x-worker.ts`; `file`: where it lies from source. */
export function workerAddress(below: string, file: URL): string | URL {
  return /\$bunfs|~BUN/.test(file.href) ? below : file
}
