/**
 * How much is under way at once: in all, for each account, and from each address.
 *
 * Invariant: what is over a limit is refused before anything is done or read for it, and what ends,
 * however it ends, makes room. Only what is under way is remembered. An IPv6 host has a whole /64
 * to choose its addresses from, so these are counted together.
 * Not here: connections that send no request; the runtime closes these by itself.
 */
import { AppError } from '#kernel/index.ts'
import { networkOf } from './failures.ts'

export interface CrowdLimits {
  /** Requests that are being answered. */
  readonly requests: number
  /** Requests that change something, of one account. */
  readonly writesPerAccount: number
  /** Requests that change something, from one address. */
  readonly writesPerAddress: number
}

export interface Writer {
  readonly account: string
  readonly address: string
}

export interface Crowd {
  /** @throws AppError `oci/overloaded` */
  checkRequests(pending: number): void
  /** Runs a change as one of its writer's. @throws AppError `oci/too-many-requests` */
  write<T>(writer: Writer, work: () => Promise<T>): Promise<T>
}

/** A crowd of nobody. */
export function crowdWithin(limits: CrowdLimits): Crowd {
  const accounts = counters(limits.writesPerAccount)
  const addresses = counters(limits.writesPerAddress)
  return {
    checkRequests: (pending) => {
      if (pending <= limits.requests) return
      throw new AppError('oci/overloaded', `${limits.requests} requests are under way already`, {
        retryable: true,
      })
    },
    write: async ({ account, address }, work) => {
      using _account = accounts.enter(account, 'account')
      using _address = addresses.enter(networkOf(address), 'address')
      return await work()
    },
  }
}

function counters(max: number) {
  const counts = new Map<string, number>()
  return {
    enter: (key: string, what: string): Disposable => {
      const count = (counts.get(key) ?? 0) + 1
      if (count > max)
        throw new AppError(
          'oci/too-many-requests',
          `${max} changes of this ${what} are under way already`,
          { hints: ['Wait until some have ended.'], retryable: true },
        )
      counts.set(key, count)
      return {
        [Symbol.dispose]: () => {
          const left = (counts.get(key) ?? 1) - 1
          if (left > 0) counts.set(key, left)
          else counts.delete(key)
        },
      }
    },
  }
}
