/**
 * What every driver of `BlobStore` must do; a driver's test is one line that calls this.
 */
import { test } from 'bun:test'
import type { BlobStore } from './blobs.ts'

/** Registers the suite for one driver. */
export function blobStoreContract(name: string, open: () => Promise<BlobStore>): void {
  test.todo(`${name}: contract`, async () => void (await open()))
}
