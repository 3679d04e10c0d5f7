/**
 * What running a package needs of its definition: its commands, where its files lie, and for code
 * that asks for it everything else that the definition says.
 *
 * Invariant: a definition is read here as it is when its environment is entered; one that needs
 * Python is left to Python whole.
 * Not here: what solving needs (`definition.ts`, `repository.ts`), running (`rex-replay.ts`).
 */
import { join } from 'node:path'
import { type Attributes, combinedVersions, literalOf } from './definition.ts'
import { readPackagePy } from './package-py.ts'
import type { Literal } from './python-literal.ts'
import { type RexPhase, rexPhases } from './rex-action.ts'
import { readDefinitionFile } from './repository.ts'
import type { RezResolved } from './rez-solve.ts'
import { hashedSubpath, packageBase, plainSubpath } from './variant-root.ts'

/** A package of an answer, with what its variant requires of its own. */
export interface Chosen extends RezResolved {
  readonly variantRequires: readonly string[]
}

/** A function's source, a text of rex code, or old lines of bash. */
export type CommandSource = { readonly function: string } | string | readonly string[]

export interface RunPackage extends Chosen {
  /** Undefined in a combined file. */
  readonly base: string | undefined
  /** Sub-folders of the root below the base: as it is, and where variants are hashed. */
  readonly plainPath: () => string
  readonly hashPath: () => string
  readonly definition:
    | { readonly kind: 'python' }
    | {
        readonly kind: 'read'
        readonly attributes: Attributes
        readonly commands: Readonly<Partial<Record<RexPhase, CommandSource>>>
      }
}

/** @throws AppError `interop/bad-definition` when its file cannot be read any more. */
export async function readForRun(chosen: Chosen): Promise<RunPackage> {
  const base = packageBase(chosen.repository, chosen.file)
  return {
    ...chosen,
    base,
    plainPath: () => plainSubpath(chosen.variantRequires),
    hashPath: () => hashedSubpath(base, chosen.variantRequires),
    definition: await definitionOf(chosen),
  }
}

async function definitionOf(chosen: Chosen): Promise<RunPackage['definition']> {
  const text = readDefinitionFile(join(chosen.repository, chosen.file))
  if (chosen.file.endsWith('.yaml')) {
    const { parse } = await import('yaml')
    const value = literalOf(parse(text, { version: '1.1', maxAliasCount: 0, logLevel: 'error' }))
    return { kind: 'read', ...ownPart(chosen, value instanceof Map ? value : new Map()) }
  }
  const found = readPackagePy(text)
  if ('reason' in found) return { kind: 'python' }
  const { attributes, commands } = ownPart(chosen, found.values)
  const functions = rexPhases.flatMap((phase) => {
    const source = found.functions.get(phase)
    return source === undefined ? [] : [[phase, { function: source }] as const]
  })
  return {
    kind: 'read',
    attributes,
    commands: { ...Object.fromEntries(functions), ...commands },
  }
}

/** The attributes of a version, with its overrides where a file holds the whole family. */
function ownPart(chosen: Chosen, values: Attributes) {
  const all = chosen.file.includes('/') ? [] : combinedVersions(values)
  const own = all.find(([version]) => version === chosen.version)?.[1]
  const attributes: Attributes = own ?? values
  const commands = rexPhases.flatMap((phase) => {
    const source = commandOf(attributes.get(phase))
    return source === undefined ? [] : [[phase, source] as const]
  })
  return { attributes, commands: Object.fromEntries(commands) }
}

function commandOf(value: Literal | undefined): CommandSource | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  return value.filter((line: Literal) => typeof line === 'string')
}

/** Folder of a package's files; only for definitions that were read. */
export function rootOf(one: RunPackage, attributes: Attributes): string | undefined {
  if (one.base === undefined || one.variant === null) return one.base
  const hashed = attributes.get('hashed_variants') === true
  return join(one.base, hashed ? one.hashPath() : one.plainPath())
}
