/**
 * Which boot of the machine this is.
 *
 * What was written without sync in this boot is still in memory, so it is whole; after another
 * boot it may not be. Where the system does not tell, every process is a boot of its own.
 */
import { readFileSync } from 'node:fs'
import { hrtime } from 'node:process'

let known: `boot ${string}` | undefined

/** A word that changes with every boot. */
export function bootId(): `boot ${string}` {
  known ??= `boot ${systemBootId()}`
  return known
}

function systemBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return `${process.pid}-${hrtime.bigint()}`
  }
}
