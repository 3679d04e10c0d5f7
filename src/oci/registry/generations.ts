/**
 * Generations of blobs: where the bytes of each lie, below the folder or prefix of the registry.
 *
 * A digest that is pushed again while an older copy of it is being removed gets the next
 * generation, so that a removal, however late it comes to pass, never meets bytes that are in use.
 */

/** '' for the first, which nearly all blobs have. */
export function generationFolder(generation: number): string {
  return generation === 0 ? '' : `again/${generation}/`
}
