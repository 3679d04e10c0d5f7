/**
 * Manifests of upstreams: by digest for ever, by tag as fresh as was asked for.
 *
 * Invariant: a tag is looked after with HEAD, which costs no quota, and no more often than it has
 * to be fresh; only a manifest that is not here is fetched, by its digest, once for all that wait.
 */
import { AppError, type Clock, type Digest, isDigest } from '#kernel/index.ts'
import type { Registry, StoredManifest } from '../registry/contract.ts'
import { childrenOf, type Descriptor, parseManifest } from '../schema.ts'
import type { PulledName, PullThrough, Served } from './contract.ts'
import { failed, manifestUnknown, reasonOf, saysAbsent } from './failures.ts'
import type { Patience } from './patience.ts'
import { type Recent, recent, singleFlight } from './recent.ts'
import type { Sources } from './sources.ts'

const entriesMax = 100_000
const tagsOfDigestMax = 20
/** Of a tag that moves faster than it can be read. */
const looksMax = 3

export interface PulledManifests extends Pick<PullThrough, 'manifest' | 'describe'> {
  /** The size that a manifest of the repository gives a blob. */
  announced(name: PulledName, digest: Digest): number | undefined
}

interface Context {
  readonly registry: Registry
  readonly clock: Clock
  readonly sourcesOf: (name: PulledName) => Sources
  /** What HEAD last said that a tag names. */
  readonly heads: Recent<Descriptor>
  /** When a tag here was last known to be what the upstream has. */
  readonly confirmed: Recent<true>
  readonly absent: Recent<true>
  /** Tags that are to be moved when the manifest that they name arrives. */
  readonly expected: Recent<readonly string[]>
  readonly sizes: Recent<number>
  readonly patience: Patience
  readonly flight: <T>(key: string, work: () => Promise<T>) => Promise<T>
}

export function pulledManifests(
  options: Pick<Context, 'registry' | 'clock' | 'sourcesOf' | 'patience'>,
): PulledManifests {
  const { clock } = options
  const context: Context = {
    ...options,
    heads: recent(clock, entriesMax),
    confirmed: recent(clock, entriesMax),
    absent: recent(clock, entriesMax),
    expected: recent(clock, entriesMax),
    sizes: recent(clock, entriesMax),
    flight: singleFlight(),
  }
  return {
    manifest: async (name, reference) =>
      await served(context, name, reference, {
        known: (manifest) => manifest,
        absent: (digest) => fetched(context, name, digest),
        other: ({ digest }) => fetched(context, name, digest),
      }),
    describe: async (name, reference) =>
      await served(context, name, reference, {
        known: descriptorOf,
        absent: (digest) => asked(context, name, digest),
        other: async (descriptor) => descriptor,
      }),
    announced: ({ local }, digest) => context.sizes.get(`${local} ${digest}`)?.value,
  }
}

/** A tag, and what it names here. */
interface Pulled {
  readonly name: PulledName
  readonly tag: string
  readonly known: StoredManifest | undefined
}

/** What the caller makes of a manifest that is here, and of one that is not. */
interface Wish<T> {
  readonly known: (manifest: StoredManifest) => T
  /** By its digest, of which nothing else is known. */
  readonly absent: (digest: Digest) => Promise<T>
  /** By what the upstream said of a tag. */
  readonly other: (descriptor: Descriptor) => Promise<T>
}

async function served<T>(
  context: Context,
  name: PulledName,
  reference: string,
  wish: Wish<T>,
): Promise<Served<T>> {
  if (!isDigest(reference)) return await byTag(context, name, reference, wish)
  const known = await context.registry.manifest(name.local, reference)
  if (known !== undefined) return { value: wish.known(known), outcome: 'hit' }
  checkAbsent(context, name, reference)
  try {
    return { value: await wish.absent(reference), outcome: 'miss' }
  } catch (error) {
    throw told(context, name, reference, error)
  }
}

async function byTag<T>(
  context: Context,
  name: PulledName,
  tag: string,
  wish: Wish<T>,
): Promise<Served<T>> {
  const { registry, confirmed } = context
  const key = `${name.local}:${tag}`
  const known = await registry.manifest(name.local, tag)
  const head = context.heads.get(key)
  const fresh = head !== undefined && head.ageMs < name.upstream.freshMs ? head : undefined
  if (known !== undefined && fresh?.value.digest === known.digest)
    return { value: wish.known(known), outcome: 'hit', ageMs: fresh.ageMs }
  const stale = (why: string): Served<T> | undefined => {
    if (known === undefined) return undefined
    const ageMs = confirmed.get(key)?.ageMs
    const warning = `${tag} may have changed at ${name.upstream.registry}: ${why}`
    const value = wish.known(known)
    return { value, outcome: 'stale', ...(ageMs === undefined ? {} : { ageMs }), warning }
  }
  checkAbsent(context, name, tag)
  try {
    const now = fresh?.value ?? (await lookedAt(context, { name, tag, known }))
    if (known?.digest === now.digest) {
      confirmed.set(key, true)
      return { value: wish.known(known), outcome: 'revalidated', ageMs: 0 }
    }
    const here = await registry.manifest(name.local, now.digest)
    if (here !== undefined) {
      await registry.putManifest(name.local, { ...here, reference: tag, sparse: true })
      confirmed.set(key, true)
      return { value: wish.known(here), outcome: 'revalidated', ageMs: 0 }
    }
    if (context.sourcesOf(name).scarce()) {
      const old = stale('few of its pulls are left')
      if (old !== undefined) return old
    }
    return { value: await pursued(context, { name, tag, now }, wish), outcome: 'miss', ageMs: 0 }
  } catch (error) {
    return await insteadOf(context, { name, tag, known }, error, stale)
  }
}

/** What the upstream says that a tag names; for what is here that is not waited for long. */
async function lookedAt(context: Context, { name, tag, known }: Pulled): Promise<Descriptor> {
  const asking = asked(context, name, tag)
  return known === undefined ? await asking : await context.patience.answer(name.upstream, asking)
}

/**
 * What a tag names, from the upstream: once more when it was moved, and what it named before went
 * away, since it was looked at.
 */
async function pursued<T>(
  context: Context,
  tagged: { readonly name: PulledName; readonly tag: string; readonly now: Descriptor },
  wish: Wish<T>,
): Promise<T> {
  const { name, tag } = tagged
  for (let { now } = tagged, looks = 1; ; looks += 1) {
    expect(context, name, now.digest, tag)
    try {
      return await wish.other(now)
    } catch (error) {
      if (!isGone(error)) throw error
      const next = await asked(context, name, tag)
      if (next.digest === now.digest || looks >= looksMax) throw contradictory(name, tag, now)
      now = next
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof AppError && error.code === 'oci/manifest-unknown'
}

function contradictory({ upstream }: PulledName, tag: string, { digest }: Descriptor): AppError {
  const text = `${upstream.registry} says that ${tag} names ${digest}, which it does not have`
  return new AppError('oci/bad-answer', text)
}

/** What is served when the upstream does not say: what is here, unless it said that it is gone. */
async function insteadOf<T>(
  context: Context,
  tagged: Pulled,
  error: unknown,
  stale: (why: string) => Served<T> | undefined,
): Promise<Served<T>> {
  const { name, tag, known } = tagged
  const gone = isGone(error)
  if (gone && known !== undefined) await context.registry.removeManifest(name.local, tag)
  const old = gone ? undefined : stale(reasonOf(error))
  if (old !== undefined) return old
  throw told(context, name, tag, error)
}

/** What the upstream says by HEAD that a reference names; one question for all that ask. */
async function asked(context: Context, name: PulledName, reference: string): Promise<Descriptor> {
  const key = `${name.local}:${reference}`
  return await context.flight(`HEAD ${key}`, async () => {
    const named = isDigest(reference) ? { digest: reference } : { tag: reference }
    const found = await context
      .sourcesOf(name)
      .ask('other', async ({ client, repository }) =>
        required(await client.resolve({ ...repository(name.remote), ...named }), name, reference),
      )
    if (!isDigest(reference)) context.heads.set(key, found)
    return found
  })
}

function expect({ expected }: Context, { local }: PulledName, digest: Digest, tag: string): void {
  const key = `${local} ${digest}`
  const others = (expected.get(key)?.value ?? []).filter((one) => one !== tag)
  expected.set(key, [tag, ...others].slice(0, tagsOfDigestMax))
}

/**
 * Fetches a manifest by its digest and keeps it, under the tags that were lately said to name it;
 * the blobs that it names come when they are asked for.
 */
async function fetched(
  context: Context,
  name: PulledName,
  digest: Digest,
): Promise<StoredManifest> {
  const key = `${name.local} ${digest}`
  return await context.flight(`GET ${key}`, async () => {
    // Those that were moved since are not moved back.
    const tags = (context.expected.get(key)?.value ?? []).filter(
      (tag) => context.heads.get(`${name.local}:${tag}`)?.value.digest === digest,
    )
    const found = await context
      .sourcesOf(name)
      .ask('pull', ({ client, repository }) =>
        client.pullManifest({ ...repository(name.remote), digest }),
      )
      .catch((error: unknown) => {
        if (isGone(error)) for (const tag of tags) context.heads.delete(`${name.local}:${tag}`)
        throw error
      })
    const { bytes, mediaType } = found
    const put = { reference: digest, mediaType, bytes, tags, sparse: true }
    await context.registry.putManifest(name.local, put)
    context.expected.delete(key)
    for (const tag of tags) context.confirmed.set(`${name.local}:${tag}`, true)
    for (const child of childrenOf(parseManifest(bytes, mediaType, `Manifest ${digest}`)))
      context.sizes.set(`${name.local} ${child.digest}`, child.size)
    return { digest: found.digest, mediaType, bytes }
  })
}

function required(found: Descriptor | undefined, name: PulledName, reference: string): Descriptor {
  if (found === undefined) throw manifestUnknown(name, reference)
  return found
}

function checkAbsent(context: Context, name: PulledName, reference: string): void {
  const known = context.absent.get(`${name.local}:${reference}`)
  if (known !== undefined && known.ageMs < name.upstream.absentMs)
    throw manifestUnknown(name, reference)
}

/** The error for a client; that something is absent is remembered for a while. */
function told(context: Context, name: PulledName, reference: string, error: unknown): unknown {
  if (!saysAbsent(error)) return failed(name, error)
  context.absent.set(`${name.local}:${reference}`, true)
  return manifestUnknown(name, reference)
}

function descriptorOf({ digest, mediaType, bytes }: StoredManifest): Descriptor {
  return { mediaType, digest, size: bytes.byteLength }
}
