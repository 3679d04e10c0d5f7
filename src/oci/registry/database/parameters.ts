/** Lists of parameters in a statement: `IN (?, ?)`, `VALUES (?, ?, ?)`. */

/** `(?, ?, ?)` */
export function parameterList(count: number): string {
  return `(${Array.from({ length: count }, () => '?').join(', ')})`
}
