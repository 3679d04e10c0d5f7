/** The memory that a worker shares with who asks it, by the number that jobs name. */
import { type Aligned, aligned } from './aligned.ts'
import type { LayerMemory } from './layer-jobs.ts'

interface Known {
  readonly tar: Aligned
  readonly out: Buffer
}

const memories = new Map<number, Known>()

/** Keeps memory for the jobs that name it. */
export function learn({ id, tar, out }: LayerMemory): void {
  memories.set(id, { tar: aligned(tar), out: Buffer.from(out) })
}

/** Memory that was told of before. */
export function memoryOf(id: number): Known {
  const known = memories.get(id)
  if (known === undefined) throw new TypeError('A job names memory that was not told of')
  return known
}
