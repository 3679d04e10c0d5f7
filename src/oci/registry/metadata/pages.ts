/** Pages of names: how many, and where the next one begins. */
import type { Page, PageRequest } from '../contract.ts'

const pageItemsMax = 10_000

export function limitOf(page: PageRequest): number {
  return Math.min(page.limit ?? pageItemsMax, pageItemsMax)
}

/** `names` holds one more than fits when there is a next page. */
export function pageOf(names: readonly string[], limit: number): Page<string> {
  const items = names.slice(0, limit)
  const last = items.at(-1)
  return names.length > limit && last !== undefined ? { items, next: last } : { items }
}
