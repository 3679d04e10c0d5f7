/** The program as a library, for tests on Rez repositories: its home and all it writes are in a folder. */
import { join } from 'node:path'
import { type App, openApp } from '#app/index.ts'
import { silent, systemClock } from '#kernel/index.ts'

/** An app that works in `folder`; by default it knows nothing of the environment but `PATH`. */
export function rezAppIn(
  folder: string,
  env: Readonly<Record<string, string>> = { PATH: process.env['PATH'] ?? '' },
): App {
  return openApp({
    home: join(folder, 'home'),
    cwd: folder,
    env,
    emit: silent,
    signal: new AbortController().signal,
    clock: systemClock,
    shippedRecipes: new Map(),
    programVersion: '0',
  })
}
