/**
 * Builds in tests: a home that vanishes, a context over it, and recipes written as values.
 */
import { join } from 'node:path'
import {
  buildOne,
  type BuildContext,
  type BuildRequest,
  type BuildResult,
  type DependencyBuild,
  detectToolchain,
} from '#build/index.ts'
import {
  canonicalJson,
  digestOf,
  systemClock,
  temporaryFolder,
  type WorkEvent,
} from '#kernel/index.ts'
import { hostTarget, parseVersion, type RecipeVersion } from '#model/index.ts'
import { openStore } from '#store/index.ts'

export const path = process.env['PATH'] ?? '/usr/bin:/bin'
export const fixtures = join(import.meta.dir, '..', 'fixtures')

export interface Bench extends Disposable {
  readonly home: string
  readonly context: BuildContext
  readonly events: WorkEvent[]
  readonly controller: AbortController
}

/** A home in a new folder, and what a build needs around it. */
export async function bench(more: Partial<BuildContext> = {}): Promise<Bench> {
  const folder = temporaryFolder()
  const home = join(folder.path, 'home')
  const events: WorkEvent[] = []
  const controller = new AbortController()
  const context: BuildContext = {
    home,
    store: openStore(home),
    toolchain: await detectToolchain({ path }),
    sandbox: 'bubblewrap',
    jobs: 2,
    mirrors: [],
    env: { PATH: path },
    createdBy: 'backlot 0.0.0',
    emit: (event) => void events.push(event),
    signal: controller.signal,
    clock: systemClock,
    ...more,
  }
  return { home, context, events, controller, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

/** A recipe version whose source is a folder and whose step is a script, unless told otherwise. */
export function recipe(more: Partial<RecipeVersion> & { readonly name: string }): RecipeVersion {
  const whole = {
    version: parseVersion('1.0.0'),
    summary: 'For a test',
    license: 'Apache-2.0',
    target: hostTarget(),
    options: {},
    sources: [{ kind: 'path', path: '.', strip: 0 }],
    patches: [],
    provides: [],
    requires: [],
    runRequires: [],
    buildRequires: [],
    steps: [],
    environment: {},
    exports: { cmake: [], pkgConfig: [], programs: [], python: [] },
    tests: [],
    ...more,
  } as const
  return { ...whole, digest: digestOf(canonicalJson({ ...whole, summary: '' })) }
}

export const cmakeStep = { kind: 'cmake', source: '.', definitions: {}, targets: [] } as const

/** The steps of a shell script. */
export function script(text: string): RecipeVersion['steps'] {
  return [{ kind: 'script', script: text }]
}

/** The library of test/fixtures/greeting. */
export const greeting = recipe({
  name: 'greeting',
  version: parseVersion('1.2.3'),
  steps: [cmakeStep],
  exports: {
    cmake: [
      {
        package: 'greeting',
        version: '1.2',
        targets: ['greeting::greeting', 'greeting::words', 'greeting::greet'],
        components: [],
      },
    ],
    pkgConfig: ['greeting'],
    programs: [{ name: 'greet', args: [], exit: 0 }],
    python: [],
  },
  tests: [{ name: 'says hello', script: 'test "$(greet)" = hello' }],
})

/** Builds over the sources in `folder`. */
export async function make(
  { context }: Bench,
  asked: RecipeVersion,
  more: Partial<BuildRequest> = {},
): Promise<BuildResult> {
  return await buildOne(context, {
    recipe: asked,
    folder: fixtures,
    dependencies: [],
    system: [],
    ...more,
  })
}

/** A finished build as a run-time dependency that the recipe names. */
export function dependency(result: BuildResult, range = '*'): DependencyBuild {
  const { config, manifest, layer } = result
  return { config, manifest, layer, direct: true, runtime: true, range }
}
