/** Ranges as text. */
import type { Scheme } from './version.ts'
import type { VersionSet } from './version-set.ts'

/** @throws AppError `model/bad-range` */
export declare function parseRange(text: string, scheme?: Scheme): VersionSet
/** Canonical text; parsing it gives the same set. */
export declare function formatRange(set: VersionSet, scheme?: Scheme): string
