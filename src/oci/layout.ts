/**
 * Tags over an OCI image layout's `index.json`.
 *
 * Invariant: `index.json` is replaced whole, under a lock between processes, and only after what
 * it names is in `blobs`; so a reader needs no lock and never sees a torn list.
 * Source: OCI image-spec 1.1, image-layout.md. Not here: blobs themselves (`#store`).
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import {
  AppError,
  assert,
  type Digest,
  limits,
  lock,
  readAll,
  readIfPresent,
  systemCode,
  writeFileAtomic,
} from '#kernel/index.ts'
import type { BlobStore } from '#store/index.ts'
import { isManifestType, mediaTypes } from './media-types.ts'
import { type Descriptor, parseIndex, parseManifest, subjectOf } from './schema.ts'

const nameKey = 'org.opencontainers.image.ref.name'
/** Our own note on an untagged manifest, so that listing referrers reads no manifests. */
const subjectKey = 'dev.backlot.subject'

export interface TaggedDescriptor {
  readonly name: string
  readonly descriptor: Descriptor
}

export interface Layout {
  readonly dir: string
  readonly blobs: BlobStore
  /** Another one whenever the list of tags and roots is another one. */
  stamp(): string
  /** All tags, sorted by name. @throws AppError `oci/bad-layout` */
  tags(): readonly TaggedDescriptor[]
  resolve(name: string): Descriptor | undefined
  /** Moves or creates a tag; the manifest has to be in `blobs` already. */
  tag(
    name: string,
    descriptor: Descriptor,
    annotations?: Readonly<Record<string, string>>,
  ): Promise<void>
  /** Several tags in one write. */
  tagAll(tags: readonly TaggedDescriptor[]): Promise<void>
  /** Keeps a manifest without a tag, so that it is a root and its subject finds it. */
  keep(descriptor: Descriptor, subject?: Digest): Promise<void>
  /** False when there was no such tag. */
  untag(name: string): Promise<boolean>
  /** Forgets a manifest and all of its tags. */
  drop(digest: Digest): Promise<boolean>
  /** All manifests that `index.json` names, tagged or not: the roots for collection. */
  roots(): readonly Descriptor[]
  referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]>
}

type Entries = readonly Descriptor[]

/** Opens the layout at `dir`, which is made on the first write. */
export function openLayout(dir: string, blobs: BlobStore): Layout {
  const read = cachedReader(join(dir, 'index.json'))
  const subjects = new Map<Digest, Promise<Digest | undefined>>()
  let turn: Promise<unknown> = Promise.resolve()
  const change = (edit: (entries: Entries) => Entries): Promise<boolean> => {
    const mine = turn.then(() => rewritten(dir, read, edit))
    turn = mine.catch(() => undefined)
    return mine
  }
  const tagAll = async (tags: readonly TaggedDescriptor[]) => {
    for (const { descriptor } of tags) await mustExist(blobs, descriptor)
    const added = new Map(tags.map(({ name, descriptor }) => [name, named(descriptor, name)]))
    await change((entries) => [
      ...entries.filter((entry) => !added.has(nameOf(entry) ?? '')),
      ...added.values(),
    ])
  }
  return {
    dir,
    blobs,
    stamp: () => stampOf(join(dir, 'index.json')),
    tags: () => taggedOf(read()),
    resolve: (name) => read().find((entry) => nameOf(entry) === name),
    tag: (name, descriptor, annotations = {}) =>
      tagAll([
        {
          name,
          descriptor: {
            ...descriptor,
            annotations: { ...descriptor.annotations, ...annotations },
          },
        },
      ]),
    tagAll,
    keep: async (descriptor, subject) => {
      await mustExist(blobs, descriptor)
      const noted = subject === undefined ? {} : { [subjectKey]: subject }
      const entry = { ...descriptor, annotations: { ...descriptor.annotations, ...noted } }
      await change((entries) =>
        entries.some(({ digest }) => digest === entry.digest) ? entries : [...entries, entry],
      )
    },
    untag: (name) => change((entries) => entries.filter((entry) => nameOf(entry) !== name)),
    drop: (digest) => change((entries) => entries.filter((entry) => entry.digest !== digest)),
    roots: read,
    referrers: async (subject, artifactType) => {
      const found: Descriptor[] = []
      for (const entry of read()) {
        const wanted = artifactType === undefined || entry.artifactType === artifactType
        if (wanted && (await knownSubject(blobs, subjects, entry)) === subject) found.push(entry)
      }
      return found
    },
  }
}

function taggedOf(entries: Entries): readonly TaggedDescriptor[] {
  return entries
    .flatMap((descriptor) => {
      const name = nameOf(descriptor)
      return name === undefined ? [] : [{ name, descriptor }]
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function nameOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[nameKey]
}

function named(descriptor: Descriptor, name: string): Descriptor {
  return { ...descriptor, annotations: { ...descriptor.annotations, [nameKey]: name } }
}

/** Reads the file anew only when it was replaced. */
function cachedReader(path: string): () => Entries {
  let known: { readonly stamp: string; readonly entries: Entries } | undefined
  return () => {
    const stamp = stampOf(path)
    if (known?.stamp !== stamp) known = { stamp, entries: readEntries(path) }
    return known.entries
  }
}

function stampOf(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.ino} ${stats.mtimeNs} ${stats.size}`
}

function readEntries(path: string): Entries {
  const bytes = readIfPresent(path)
  if (bytes === undefined) return []
  try {
    return parseIndex(bytes, path).manifests
  } catch (error) {
    throw new AppError('oci/bad-layout', `${path} cannot be read as an OCI index`, {
      hints: [
        'Is it that of the store: `backlot store verify --repair` lists the builds in it anew.',
        'Else restore it from a copy.',
      ],
      cause: error,
    })
  }
}

/** Edits the list under the lock; whether anything changed. */
async function rewritten(
  dir: string,
  read: () => Entries,
  edit: (entries: Entries) => Entries,
): Promise<boolean> {
  using _held = await lock(join(dir, 'index.lock'))
  const before = read()
  const manifests = edit(before)
  const same =
    manifests.length === before.length && manifests.every((entry, at) => entry === before[at])
  if (same) return false
  const marker = join(dir, 'oci-layout')
  if (readIfPresent(marker) === undefined) writeFileAtomic(marker, '{"imageLayoutVersion":"1.0.0"}')
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
  writeFileAtomic(join(dir, 'index.json'), JSON.stringify(index))
  return true
}

async function mustExist(blobs: BlobStore, { digest, size }: Descriptor): Promise<void> {
  const actual = await blobs.size(digest)
  assert(actual === size, `${digest} of ${size} B is in the layout before its tag`)
}

async function knownSubject(
  blobs: BlobStore,
  subjects: Map<Digest, Promise<Digest | undefined>>,
  entry: Descriptor,
): Promise<string | undefined> {
  const noted = entry.annotations?.[subjectKey]
  if (noted !== undefined || !isManifestType(entry.mediaType)) return noted
  const known = subjects.get(entry.digest) ?? readSubject(blobs, entry)
  subjects.set(entry.digest, known)
  return await known
}

async function readSubject(blobs: BlobStore, entry: Descriptor): Promise<Digest | undefined> {
  try {
    const bytes = await readAll(blobs.read(entry.digest), limits.manifestBytesMax, entry.digest)
    return subjectOf(parseManifest(bytes, entry.mediaType, entry.digest))?.digest
  } catch (error) {
    if (error instanceof AppError || systemCode(error) !== undefined) return undefined
    throw error
  }
}
