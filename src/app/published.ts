/**
 * Where on each registry the layers of our builds are, as far as we put them there.
 *
 * It only saves bytes: an image that goes to the same registry can then mount the layers instead
 * of sending them. What it says may be out of date, and a mount that fails falls back to sending.
 */
import { join } from 'node:path'
import { type Digest, isDigest, readIfPresent, writeFileAtomic } from '#kernel/index.ts'
import { z } from 'zod'

/** Repository by digest of the layer. */
const Known = z.record(z.string(), z.string())
type Repositories = Readonly<z.infer<typeof Known>>

function pathOf(home: string, registry: string): string {
  return join(home, 'published', `${encodeURIComponent(registry)}.json`)
}

/** The repositories of a registry that have layers of ours; empty when nothing is known. */
export function publishedLayers(home: string, registry: string): Repositories {
  const bytes = readIfPresent(pathOf(home, registry))
  if (bytes === undefined) return {}
  try {
    return Known.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return {} // It is only a memory: without it, bytes are sent again.
  }
}

/** The layer that was published to a repository last, other than `than`. */
export function lastPublished(
  home: string,
  at: { readonly registry: string; readonly repository: string; readonly than: Digest },
): Digest | undefined {
  return Object.entries(publishedLayers(home, at.registry))
    .filter(([layer, repository]) => repository === at.repository && layer !== at.than)
    .map(([layer]) => layer)
    .findLast(isDigest)
}

export function rememberPublished(
  home: string,
  at: { readonly registry: string; readonly repository: string; readonly layer: Digest },
): void {
  const known = publishedLayers(home, at.registry)
  if (known[at.layer] === at.repository) return
  const next = { ...known, [at.layer]: at.repository }
  writeFileAtomic(pathOf(home, at.registry), JSON.stringify(next))
}
