/**
 * The shapes of OCI content: descriptors, manifests, indexes, image configurations.
 *
 * Invariant: unknown members are kept and never an error, as the specification demands; members
 * that we read have the type that we rely on. Bytes are parsed here and nowhere else in the room.
 * Source: OCI image-spec 1.1: descriptor.md, manifest.md, image-index.md, config.md.
 */
import { z } from 'zod'
import { AppError, type Digest, isDigest } from '#kernel/index.ts'
import { isForeignLayer, isIndexType, isManifestType, mediaTypes } from './media-types.ts'

const DigestText = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'is not a digest (sha256: and 64 hexadecimal digits)',
})
const Annotations = z.record(z.string(), z.string())
/** Go programs write `null` where they mean «none». */
const MaybeAnnotations = Annotations.nullish()
  .transform((value) => value ?? undefined)
  .optional()

const PlatformOf = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
})

const MediaTypeText = z.string().regex(/^\P{Cc}*$/u, 'has control characters')

/** What and where: a media type, a digest and a size in bytes. */
export const Descriptor = z.looseObject({
  mediaType: MediaTypeText,
  digest: DigestText,
  size: z.int().nonnegative(),
  artifactType: MediaTypeText.optional(),
  annotations: MaybeAnnotations,
  platform: PlatformOf.optional(),
  urls: z.array(z.string()).nullish(),
  data: z.string().nullish(),
})
export type Descriptor = Readonly<z.infer<typeof Descriptor>>

const Descriptors = z
  .array(Descriptor)
  .nullish()
  .transform((value) => value ?? [])
const MaybeSubject = Descriptor.nullish()
  .transform((value) => value ?? undefined)
  .optional()

/** An image manifest, which also carries every other kind of artifact. */
export const Manifest = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: MediaTypeText.optional(),
  artifactType: MediaTypeText.optional(),
  config: Descriptor,
  layers: Descriptors,
  subject: MaybeSubject,
  annotations: MaybeAnnotations,
})
export type Manifest = Readonly<z.infer<typeof Manifest>>

/** A list of manifests: several platforms, a layout's tags, or an answer of the referrers API. */
export const Index = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: MediaTypeText.optional(),
  artifactType: MediaTypeText.optional(),
  manifests: Descriptors,
  subject: MaybeSubject,
  annotations: MaybeAnnotations,
})
export type Index = Readonly<z.infer<typeof Index>>

/** The part of an image configuration that we read and write. */
export const ImageConfig = z.looseObject({
  architecture: z.string(),
  os: z.string(),
  created: z.string().optional(),
  config: z
    .looseObject({
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      Labels: Annotations.nullish(),
      WorkingDir: z.string().nullish(),
      User: z.string().nullish(),
    })
    .nullish(),
  rootfs: z.looseObject({ type: z.literal('layers'), diff_ids: z.array(DigestText) }),
  history: z.array(z.looseObject({ empty_layer: z.boolean().optional() })).nullish(),
})
export type ImageConfig = Readonly<z.infer<typeof ImageConfig>>

/** A manifest's bytes, parsed: what it is decides `kind`. */
export type ParsedManifest =
  | { readonly kind: 'manifest'; readonly mediaType: string; readonly manifest: Manifest }
  | { readonly kind: 'index'; readonly mediaType: string; readonly index: Index }

/**
 * Parses a manifest or an index. `mediaType` is what the descriptor or Content-Type said; a
 * `mediaType` inside must agree with it. When both are silent, the members decide.
 * @throws AppError `oci/bad-manifest`
 */
export function parseManifest(
  bytes: Uint8Array,
  mediaType: string | undefined,
  where: string,
): ParsedManifest {
  const value = parseJson(bytes, where)
  const inside = memberText(value, 'mediaType')
  if (inside !== undefined && mediaType !== undefined && inside !== mediaType)
    throw badManifest(where, `says mediaType '${inside}' but was given as '${mediaType}'`)
  const type = mediaType ?? inside ?? guessedType(value)
  if (!isManifestType(type)) throw badManifest(where, `has type '${type}', which is no manifest`)
  if (hasMembers(value, 'manifests') && hasMembers(value, 'layers'))
    throw badManifest(where, 'has both `manifests` and `layers`')
  return isIndexType(type)
    ? { kind: 'index', mediaType: type, index: checked(Index, value, where) }
    : { kind: 'manifest', mediaType: type, manifest: checked(Manifest, value, where) }
}

/** @throws AppError `oci/bad-manifest` */
export function parseIndex(bytes: Uint8Array, where: string): Index {
  return checked(Index, parseJson(bytes, where), where)
}

/** @throws AppError `oci/bad-manifest` */
export function parseImageConfig(bytes: Uint8Array, where: string): ImageConfig {
  return checked(ImageConfig, parseJson(bytes, where), where)
}

/** Everything that a manifest or index names, in the order in which it has to be pushed. */
export function childrenOf(parsed: ParsedManifest): readonly Descriptor[] {
  return parsed.kind === 'index'
    ? parsed.index.manifests
    : [parsed.manifest.config, ...parsed.manifest.layers]
}

/**
 * What a manifest names: blobs that have to be there, and the manifests of an index, which need
 * not be (distribution-spec, «sparse manifests»). A subject may come later or never.
 */
export function namedBy(parsed: ParsedManifest): {
  readonly blobs: readonly Digest[]
  readonly manifests: readonly Digest[]
} {
  if (parsed.kind === 'index') return { blobs: [], manifests: digestsOf(parsed.index.manifests) }
  const { config, layers } = parsed.manifest
  const stored = layers.filter(({ mediaType }) => !isForeignLayer(mediaType))
  return { blobs: digestsOf([config, ...stored]), manifests: [] }
}

/**
 * What a manifest says of the sizes of what it names, apart from layers that are elsewhere.
 * @throws AppError `oci/bad-manifest` for one that has two
 */
export function sizesIn(parsed: ParsedManifest, where: string): ReadonlyMap<Digest, number> {
  const sizes = new Map<Digest, number>()
  for (const { mediaType, digest, size } of childrenOf(parsed)) {
    if (isForeignLayer(mediaType)) continue
    const before = sizes.get(digest) ?? size
    if (before !== size)
      throw badManifest(where, `says that ${digest} has ${before} and ${size} bytes`)
    sizes.set(digest, size)
  }
  return sizes
}

/**
 * A manifest that programs take for an index when they are told so, or the other way round.
 * Not asked of what is stored already.
 * @throws AppError `oci/bad-manifest`
 * @see https://github.com/advisories/GHSA-mc8v-mgrf-8f4m
 */
export function checkOneKind(parsed: ParsedManifest, where: string): void {
  const [inner, others] =
    parsed.kind === 'index'
      ? [parsed.index, ['config', 'layers']]
      : [parsed.manifest, ['manifests']]
  const odd = others.find((name) => name in inner)
  if (odd === undefined) return
  throw badManifest(where, `has type '${parsed.mediaType}' and a member '${odd}', which it has not`)
}

function digestsOf(descriptors: readonly Descriptor[]): readonly Digest[] {
  return [...new Set(descriptors.map(({ digest }) => digest))]
}

/** The manifest that this one is about, if it hangs on one. */
export function subjectOf(parsed: ParsedManifest): Descriptor | undefined {
  return parsed.kind === 'index' ? parsed.index.subject : parsed.manifest.subject
}

/**
 * What a referrers list says of a manifest.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers
 */
export function referrerDescriptor(
  parsed: ParsedManifest,
  of: { readonly digest: Digest; readonly size: number },
): Descriptor {
  const inner = parsed.kind === 'index' ? parsed.index : parsed.manifest
  const artifactType =
    inner.artifactType ??
    (parsed.kind === 'manifest' ? parsed.manifest.config.mediaType : undefined)
  return {
    mediaType: parsed.mediaType,
    digest: of.digest,
    size: of.size,
    ...(artifactType ? { artifactType } : {}),
    ...(inner.annotations === undefined ? {} : { annotations: inner.annotations }),
  }
}

/** A byte order mark is kept, and so refused: other programs do not read past it. */
function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
    ) as unknown
  } catch (error) {
    throw new AppError('oci/bad-manifest', `${where} is not JSON`, { cause: error })
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const path = issue?.path.map(String).join('.') ?? ''
  throw badManifest(where, `is wrong at '${path}': ${issue?.message ?? 'unknown'}`)
}

function badManifest(where: string, what: string): AppError {
  return new AppError('oci/bad-manifest', `${where} ${what}`)
}

function guessedType(value: unknown): string {
  return hasMembers(value, 'manifests') ? mediaTypes.index : mediaTypes.manifest
}

function memberText(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const member: unknown = Reflect.get(value, name)
  return typeof member === 'string' && member !== '' ? member : undefined
}

function hasMembers(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && Array.isArray(Reflect.get(value, name))
}
