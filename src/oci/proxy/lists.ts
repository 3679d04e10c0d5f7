/**
 * Lists of upstreams: tags and what hangs on a manifest, passed through and kept for a while.
 *
 * Invariant: when the upstream does not answer, what is known of it here is the answer, and it is
 * told that it may be old.
 */
import type { Clock } from '#kernel/index.ts'
import type { Page, Registry } from '../registry/contract.ts'
import type { Descriptor } from '../schema.ts'
import type { PulledName, PullThrough, Served } from './contract.ts'
import { failed, nameUnknown, reasonOf, saysAbsent } from './failures.ts'
import { recent, type Recent, singleFlight } from './recent.ts'
import type { Sources } from './sources.ts'

/** Lists can be long, so few are held. */
const listsMax = 200
const pageItemsMax = 10_000
const referrersPageMax = 1000

export type PulledLists = Pick<PullThrough, 'tags' | 'referrers'>

interface Context {
  readonly clock: Clock
  readonly registry: Registry
  readonly sourcesOf: (name: PulledName) => Sources
}

export function pulledLists(context: Context): PulledLists {
  const tagLists = recent<readonly string[]>(context.clock, listsMax)
  const referrerLists = recent<readonly Descriptor[]>(context.clock, listsMax)
  const flight = singleFlight()
  return {
    tags: async (name, page) => {
      const served = await listed(name, {
        key: name.local,
        known: tagLists,
        emptyMs: name.upstream.absentMs,
        ask: () =>
          flight(`tags ${name.local}`, () =>
            context
              .sourcesOf(name)
              .ask('other', ({ client, repository }) => client.tags(repository(name.remote))),
          ),
        instead: async () => {
          const here = await context.registry.tags(name.local)
          return here?.items.length === 0 ? undefined : here?.items
        },
      })
      // As registries answer for what they do not have; else any name would look like a repository.
      if (served.value.length === 0) throw nameUnknown(name)
      const limit = Math.min(page.limit ?? pageItemsMax, pageItemsMax)
      return { ...served, value: pageOf(served.value, { ...page, limit, keyOf: (tag) => tag }) }
    },
    referrers: async (name, subject, page) => {
      const served = await listed(name, {
        key: `${name.local} ${subject}`,
        known: referrerLists,
        emptyMs: name.upstream.freshMs,
        ask: () =>
          flight(`referrers ${name.local} ${subject}`, () =>
            context
              .sourcesOf(name)
              .ask('other', ({ client, repository }) =>
                client.referrers(repository(name.remote), subject),
              ),
          ),
        instead: async () => (await context.registry.referrers(name.local, subject)).items,
      })
      const { artifactType } = page
      const fitting = served.value
        .filter((one) => artifactType === undefined || one.artifactType === artifactType)
        .toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
      const limit = Math.min(page.limit ?? referrersPageMax, referrersPageMax)
      const keyOf = ({ digest }: Descriptor) => digest
      return { ...served, value: pageOf(fitting, { ...page, limit, keyOf }) }
    },
  }
}

interface Listing<T> {
  readonly key: string
  readonly known: Recent<readonly T[]>
  /** How long an empty list is not asked for again; others are not for `freshMs`. */
  readonly emptyMs: number
  readonly ask: () => Promise<readonly T[]>
  /** What is here, for when the upstream does not answer. */
  readonly instead: () => Promise<readonly T[] | undefined>
}

async function listed<T>(name: PulledName, listing: Listing<T>): Promise<Served<readonly T[]>> {
  const { key, known, emptyMs, ask, instead } = listing
  const old = known.get(key)
  const freshMs = old?.value.length === 0 ? emptyMs : name.upstream.freshMs
  if (old !== undefined && old.ageMs < freshMs)
    return { value: old.value, outcome: 'hit', ageMs: old.ageMs }
  try {
    const value = await ask()
    known.set(key, value)
    return { value, outcome: 'miss', ageMs: 0 }
  } catch (error) {
    const warning = `this list may have changed at ${name.upstream.registry}: ${reasonOf(error)}`
    if (old !== undefined) return { value: old.value, outcome: 'stale', ageMs: old.ageMs, warning }
    const here = await instead()
    if (here === undefined) throw saysAbsent(error) ? nameUnknown(name) : failed(name, error)
    return { value: here, outcome: 'stale', warning }
  }
}

function pageOf<T>(
  all: readonly T[],
  page: {
    readonly limit: number
    readonly after?: string
    readonly keyOf: (item: T) => string
  },
): Page<T> {
  const { limit, after = '', keyOf } = page
  const rest = all.filter((item) => keyOf(item) > after)
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  return rest.length > items.length && last !== undefined ? { items, next: keyOf(last) } : { items }
}
