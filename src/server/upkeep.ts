/**
 * What the server does for its registry by itself: abandoned uploads, retention, collection.
 *
 * Invariant: of several servers on one database one does it. What fails is told and tried again;
 * clients are not held up by it.
 */
import { type Emit, messageOf } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'
import type { Registry, RetentionRule } from '#oci/index.ts'

const uploadIdleMs = 24 * 3_600_000
const lookEveryMs = 600_000

type Section = NonNullable<RegistryConfig['retention']>

export interface Upkeep extends AsyncDisposable {
  /** Looks now, without waiting for the next time. */
  look(): Promise<void>
}

/** Looks now and then whether something is due, until disposed. */
export function keepTidy(registry: Registry, section: Section | undefined, emit: Emit): Upkeep {
  let running = Promise.resolve()
  // A turn that failed is still ours: the next one may be a day away.
  let isOurs = false
  const tidy = async ({ every, grace, recycle, ...rest }: Section): Promise<void> => {
    isOurs ||= await registry.isMyTurn({ name: 'collect', everyMs: every })
    if (!isOurs) return
    await registry.upkeep.retain(rulesOf(rest), false)
    await registry.upkeep.collect({ graceMs: grace, recycleMs: recycle })
    isOurs = false
  }
  const look = async (): Promise<void> => {
    try {
      if (await registry.isMyTurn({ name: 'uploads', everyMs: lookEveryMs }))
        await registry.removeStaleUploads(uploadIdleMs)
      if (section !== undefined) await tidy(section)
    } catch (error) {
      const text = `Upkeep failed: ${messageOf(error)}`
      emit({ kind: 'warning', text, hints: ['It is tried again in some minutes.'] })
    }
  }
  const begin = () => (running = running.then(look))
  const timer = setInterval(() => void begin(), lookEveryMs)
  timer.unref()
  return {
    look: begin,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await running
    },
  }
}

/** The rules of registry.yaml as the registry takes them. */
export function rulesOf(section: Pick<Section, 'rules'>): readonly RetentionRule[] {
  return section.rules.map((rule) => ({
    repositories: rule.repositories,
    tags: rule.tags,
    protect: rule.protect,
    ...(rule['keep-last'] === undefined ? {} : { keepLast: rule['keep-last'] }),
    ...(rule['keep-younger'] === undefined ? {} : { keepYoungerMs: rule['keep-younger'] }),
    ...(rule['keep-pulled'] === undefined ? {} : { keepPulledMs: rule['keep-pulled'] }),
    ...(rule.untagged === undefined ? {} : { untaggedMs: rule.untagged }),
  }))
}
