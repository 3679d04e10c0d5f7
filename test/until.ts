/** Waiting for something to hold, instead of for a while. */
const lookEveryMs = 5

/** Looks until it holds; the test's own time limit is the end of it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(lookEveryMs)
}
