/**
 * The configuration of a build: what a build says about itself, beside its layer.
 *
 * It is the config blob of the build's OCI manifest (docs/formats/build.md). Unknown keys are kept
 * out but not refused: a newer Backlot of the same schema version may have added some.
 */
import { AppError, type Digest, isDigest, limits } from '#kernel/index.ts'
import { z } from 'zod'
import { isPackageName } from './name.ts'
import { targets } from './target.ts'

export const buildArtifactType = 'application/vnd.backlot.build.v1'
export const buildConfigMediaType = 'application/vnd.backlot.build.config.v1+json'

const DigestText = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'is not a digest',
})
const PackageName = z.string().refine(isPackageName, 'is not a package name')
const FactName = z.custom<`__${string}`>(
  (value) => typeof value === 'string' && /^__[a-z][a-z0-9_]{0,98}$/.test(value),
  { error: 'is not the name of a fact about a host' },
)
const Line = z.string().max(10_000)
const Lines = z.array(Line).max(10_000)
const Option = z.union([Line, z.boolean()])

const ExportsOfBuild = z.object({
  cmake: z
    .array(
      z.object({
        package: Line,
        version: Line.optional(),
        targets: Lines.default([]),
        components: Lines.default([]),
      }),
    )
    .default([]),
  pkgConfig: Lines.default([]),
  programs: z
    .array(z.object({ name: Line, args: Lines.default([]), exit: z.int().default(0) }))
    .default([]),
  python: Lines.default([]),
})

/** Config JSON of a build, schema version 1. */
export const BuildConfig = z.object({
  schemaVersion: z.literal(1),
  name: PackageName,
  version: z.string().min(1).max(200),
  buildId: z.string().regex(/^[0-9a-f]{64}$/, 'is not 64 hexadecimal digits'),
  target: z.enum(targets),
  options: z.record(z.string(), Option).default({}),
  platform: z.string().max(20).optional(),
  /** Run-time dependencies as pinned by this build. */
  requires: z
    .array(
      z.object({
        name: PackageName,
        range: Line,
        version: Line,
        /** A candidate of `name` fits when it is a build with this interface digest. */
        interface: DigestText,
        buildId: Line,
      }),
    )
    .default([]),
  /** Other names that it answers to. */
  provides: z
    .array(z.object({ name: PackageName, version: z.string().min(1).max(200) }))
    .default([]),
  /** Conflicts, weak and run-time-only requirements of the recipe, as requirements in text. */
  constraints: Lines.default([]),
  system: z.array(z.object({ name: PackageName, range: Line, version: Line })).default([]),
  /** What the files need of a host, found out from them. */
  host: z.array(z.object({ name: FactName, range: Line })).default([]),
  exports: ExportsOfBuild,
  interface: DigestText,
  license: Line,
  licenseFiles: Lines.default([]),
  sources: z
    .array(
      z.object({
        kind: z.enum(['url', 'path', 'git', 'pypi']).optional(),
        url: Line.optional(),
        sha256: Line.optional(),
        commit: Line.optional(),
      }),
    )
    .default([]),
  recipe: DigestText,
  toolchain: z.object({
    compiler: Line,
    version: Line,
    cxxStandard: z.int().optional(),
    cxx11Abi: z.union([z.literal(0), z.literal(1)]).optional(),
    cmake: Line.optional(),
  }),
  fileList: DigestText,
  diffId: DigestText,
  /** Unpacked. */
  sizeBytes: z.int().nonnegative(),
  sandbox: z.boolean(),
  /** SOURCE_DATE_EPOCH that it was built with, in seconds. */
  epoch: z.int().nonnegative(),
  createdBy: Line,
  deprecated: z.boolean().optional(),
})
export type BuildConfig = z.infer<typeof BuildConfig>

/**
 * The build configuration in JSON text or bytes.
 * @param where The place it came from, for the message.
 * @throws AppError `model/bad-build`
 */
export function parseBuildConfig(text: string | Uint8Array, where: string): BuildConfig {
  if (text.length > limits.configBytesMax) throw badBuild(where, 'is too large')
  let value: unknown
  try {
    value = JSON.parse(typeof text === 'string' ? text : new TextDecoder().decode(text))
  } catch (error) {
    throw badBuild(where, 'is not JSON', error)
  }
  const parsed = BuildConfig.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const member = (issue?.path ?? []).map(String).join('.')
  throw badBuild(where, `'${member}' ${issue?.message}`, parsed.error)
}

function badBuild(where: string, why: string, cause?: unknown): AppError {
  return new AppError('model/bad-build', `${where} is not a build configuration: ${why}`, {
    hints: ['It was made by something else, or by a newer Backlot than this one.'],
    cause,
  })
}
