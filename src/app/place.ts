/**
 * Places that images and builds are in, as command lines write them:
 * `HOST/REPOSITORY:TAG`, `oci:FOLDER:TAG`, `docker-archive:FILE:NAME:TAG`.
 */
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AppError } from '#kernel/index.ts'
import { openLayout, parseReference, type Place, type Reference } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import type { World } from './world.ts'

export type NamedPlace =
  | { readonly kind: 'registry'; readonly reference: Reference; readonly text: string }
  /** `tag`: of what is read, the digest where the only image has no tag. */
  | { readonly kind: 'layout'; readonly folder: string; readonly tag: string }
  | { readonly kind: 'docker-archive'; readonly path: string; readonly tags: readonly string[] }

/** A place as it is written: a layout's tag may be left out. */
type Written =
  | Exclude<NamedPlace, { kind: 'layout' }>
  | { readonly kind: 'layout'; readonly folder: string; readonly tag: string | undefined }

/** @throws AppError `cli/bad-place`, `oci/bad-reference` */
export function parsePlace(text: string, cwd: string): NamedPlace {
  return withTag(writtenPlace(text, cwd))
}

function withTag(place: Written): NamedPlace {
  return place.kind === 'layout' ? { ...place, tag: place.tag ?? 'latest' } : place
}

function writtenPlace(text: string, cwd: string): Written {
  const [, scheme = '', rest = ''] = /^([a-z-]+):(?!\d+\/)(.*)$/.exec(text) ?? []
  if (scheme === 'oci') {
    const [, folder = '', tag] = /^(.*?)(?::([\w][\w.-]{0,127}))?$/.exec(rest) ?? []
    if (folder === '') throw badPlace(text)
    return { kind: 'layout', folder: resolve(cwd, folder), tag }
  }
  if (scheme === 'docker-archive') {
    const [path = '', ...name] = rest.split(':')
    if (path === '') throw badPlace(text)
    const tags = name.length === 0 ? [] : [loadedName(name.join(':'))]
    return { kind: 'docker-archive', path: resolve(cwd, path), tags }
  }
  if (!text.includes('/')) throw badPlace(text)
  const bare = text.replace(/^docker:\/\//, '')
  return { kind: 'registry', reference: parseReference(bare), text: bare }
}

/** The name under which engines load an image; docker takes none without a tag. */
function loadedName(text: string): string {
  const { tag, digest } = parseReference(text)
  if (digest !== undefined)
    throw new AppError('oci/bad-reference', `'${text}' has a digest; an archive is given a tag`, {
      hints: ['Write docker-archive:FILE:NAME:TAG.'],
    })
  return tag === undefined || !text.endsWith(`:${tag}`) ? `${text}:latest` : text
}

/**
 * A place that something is taken from. A folder without a tag means what is tagged `latest`, or
 * all that there is, as skopeo and podman have it.
 * @throws AppError `cli/bad-place`, `oci/bad-reference`, `oci/bad-layout`
 */
export function placeToRead(text: string, cwd: string): NamedPlace {
  const place = writtenPlace(text, cwd)
  if (place.kind !== 'layout') return place
  const { folder, tag } = place
  if (!existsSync(join(folder, 'index.json')))
    throw new AppError('oci/bad-layout', `${folder} is no OCI layout: it has no index.json`, {
      hints: ['`skopeo copy FROM oci:FOLDER:TAG` makes one, and `backlot image build` does.'],
    })
  const layout = openLayout(folder, diskBlobs(folder))
  const [only, ...others] = layout.roots()
  if (tag !== undefined || only === undefined || others.length > 0) return withTag(place)
  const name = layout.tags().find(({ descriptor }) => descriptor.digest === only.digest)?.name
  return { ...place, tag: name ?? only.digest }
}

/**
 * A place that an image is written to. An archive replaces a file, and nothing else.
 * @throws AppError `cli/bad-place`, `oci/bad-reference`
 */
export function placeToWrite(text: string, cwd: string): NamedPlace {
  const place = parsePlace(text, cwd)
  if (place.kind !== 'docker-archive') return place
  const stats = statSync(place.path, { throwIfNoEntry: false })
  if (stats === undefined || stats.isFile()) return place
  const what = stats.isDirectory() ? 'a folder' : 'a device or a pipe'
  throw new AppError('cli/bad-place', `${place.path} is ${what}; an archive is a file`, {
    hints: ['Write docker-archive:FILE:NAME:TAG; `docker load -i FILE` reads it.'],
  })
}

function badPlace(text: string): AppError {
  return new AppError('cli/bad-place', `'${text}' is not a place for an image`, {
    hints: [
      'A registry: HOST/REPOSITORY:TAG. A folder: oci:FOLDER:TAG.',
      'A file that docker and podman load: docker-archive:FILE:NAME:TAG.',
    ],
  })
}

/** One side of a transfer, and the name of what is meant there. */
export function openPlace(
  world: World,
  place: NamedPlace,
): { readonly at: Place; readonly name: string } {
  switch (place.kind) {
    case 'registry': {
      const { reference } = place
      const at = { kind: 'registry', client: world.client, repository: reference } as const
      return { at, name: reference.digest ?? reference.tag ?? 'latest' }
    }
    case 'layout': {
      const layout = openLayout(place.folder, diskBlobs(place.folder))
      return { at: { kind: 'layout', layout }, name: place.tag }
    }
    case 'docker-archive':
      throw new AppError('cli/bad-place', 'A docker archive can only be written by `image build`', {
        hints: ['Copy to `oci:FOLDER:TAG` instead; skopeo turns that into an archive.'],
      })
  }
}
