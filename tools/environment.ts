/**
 * The environment that tools pass to the programs they start: their own, with changes.
 */

/** This process's variables without `dropped`, and with `added`. */
export function environmentWith(
  added: Readonly<Record<string, string>> = {},
  dropped: readonly string[] = [],
): Record<string, string> {
  const own = Object.entries(process.env).filter(([key]) => !dropped.includes(key))
  return { ...Object.fromEntries(own.map(([key, value]) => [key, value ?? ''])), ...added }
}
