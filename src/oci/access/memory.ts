/**
 * What is remembered of credentials, for as long as nothing about accounts has changed.
 *
 * Invariant: every turn begins with asking for the version of the accounts; what was read under
 * another version is never given, nor kept. What is held is bounded.
 */
import type { Clock } from '#kernel/index.ts'
import type { Principal } from './principal.ts'

const rememberedMax = 10_000

export interface Remembered {
  readonly principal: Principal
  readonly expiresMs: number
}

/** One request's look into the memory. */
export interface Turn {
  recall(key: string): Principal | undefined
  /** Keeps what was found out in this turn; gives its principal. */
  remember(key: string, found: Remembered): Principal
}

export interface MemoryOptions {
  readonly clock: Clock
  /** Another number after every change. */
  readonly version: () => Promise<number>
  readonly forget: () => void
}

/** A memory; the function that it is begins a turn. */
export function versionedMemory({ clock, version, forget }: MemoryOptions): () => Promise<Turn> {
  const remembered = new Map<string, Remembered>()
  const ask = sharedInTurn(version)
  let seen: number | undefined
  return async () => {
    const now = await ask()
    if (now !== seen) {
      seen = now
      remembered.clear()
      forget()
    }
    return {
      recall: (key) => {
        const found = remembered.get(key)
        if (found !== undefined && found.expiresMs > clock.nowMs()) return found.principal
        if (found !== undefined) remembered.delete(key)
        return undefined
      },
      remember: (key, found) => {
        if (remembered.size >= rememberedMax) remembered.clear()
        // Something changed since this turn began: what it read may be older.
        if (now === seen) remembered.set(key, found)
        return found.principal
      },
    }
  }
}

/**
 * One question for all requests that were read in one turn of the event loop: they had all begun
 * when it was asked.
 */
function sharedInTurn<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  const forget = () => {
    asked = undefined
  }
  return () => {
    if (asked === undefined) {
      asked = ask()
      setImmediate(forget)
    }
    return asked
  }
}
