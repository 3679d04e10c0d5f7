/**
 * The build id: a name for the bytes that a build would have, known before anything runs.
 *
 * Invariant: it covers recipe, sources, patches, options, target, platform, toolchain and the
 * interfaces of all dependencies in the sandbox; not the jobs, the machine's name, or where the
 * sources come from. Equal id, no rebuild.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, canonicalJson, type Digest, digestOf } from '#kernel/index.ts'
import type { Source } from '#model/index.ts'
import type { BuildContext, BuildRequest } from './request.ts'
import { pathSource } from './source-tree.ts'
import { treeDigest } from './tree-digest.ts'

/** Rises when this room makes other bytes from the same input. */
const builderFormat = 5

/**
 * The id, 64 hexadecimal digits.
 * Costs a stat per file for `path` sources, and next to nothing otherwise.
 * @throws AppError `build/source-missing`, `build/patch-failed`
 */
export function buildIdOf(
  request: BuildRequest,
  context: Pick<BuildContext, 'toolchain' | 'home' | 'sandbox'>,
): string {
  return digestOf(canonicalJson(buildIdInput(request, context))).slice('sha256:'.length)
}

/** What the id is the digest of: to be compared when two ids differ. */
export function buildIdInput(
  request: BuildRequest,
  context: Pick<BuildContext, 'toolchain' | 'home' | 'sandbox'>,
): Readonly<Record<string, unknown>> {
  const { recipe } = request
  const { compiler, version, cxxStandard, cxx11Abi, cmake, python } = context.toolchain
  const uses = new Set(recipe.steps.map((step) => step.kind))
  return {
    format: builderFormat,
    name: recipe.name,
    version: recipe.version.text,
    recipe: recipe.digest,
    options: recipe.options,
    target: recipe.target,
    platform: request.platform,
    sources: recipe.sources.map((source) => sourceIdentity(request, source, context.home)),
    patches: recipe.patches.map((patch) => patchDigest(join(request.folder, patch.path))),
    toolchain: {
      compiler,
      version,
      cxxStandard,
      cxx11Abi,
      // Backends of Python packages may call CMake.
      ...(uses.has('cmake') || uses.has('python') ? { cmake } : {}),
      ...(uses.has('python') ? { python } : {}),
    },
    dependencies: request.dependencies
      .map(({ config }) => `${config.name} ${config.version} ${config.interface}`)
      .sort(),
    system: request.system.map(({ name, version: found }) => `${name} ${found}`).sort(),
    ...(context.sandbox === 'none' ? { sandbox: false } : {}),
  }
}

/** What tells the bytes of a source, wherever they come from. */
function sourceIdentity(request: BuildRequest, source: Source, home: string): string {
  switch (source.kind) {
    case 'url':
    case 'pypi':
      return `sha256:${source.sha256}`
    case 'git':
      return `git:${source.commit}`
    case 'path':
      return treeDigest(pathSource(request, source.path), home)
  }
}

function patchDigest(path: string): Digest {
  try {
    return digestOf(readFileSync(path))
  } catch (error) {
    throw new AppError('build/patch-failed', `The patch ${path} cannot be read`, {
      hints: ['`patches:` are relative to the folder of backlot.yaml.'],
      cause: error,
    })
  }
}
