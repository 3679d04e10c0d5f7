/**
 * What package code asks for, as data: one action for each call of Rez's rex.
 *
 * Invariant: `{field}` formatting is done, `$VAR` is not. Applying is `rex-apply.ts`.
 * Source: rez 3.4 `rex.py`, «Actions».
 */

/** A part of a text; literal parts are not expanded by the shell. */
export type Segment = readonly [literal: boolean, text: string]
export type RexText = readonly Segment[]

export type RexAction =
  | {
      readonly op: 'setenv' | 'resetenv' | 'appendenv' | 'prependenv'
      readonly name: string
      readonly value: RexText
      /** The name with variables in it replaced, by which it is remembered. */
      readonly key: string
    }
  | { readonly op: 'unsetenv'; readonly name: string; readonly key: string }
  | { readonly op: 'alias'; readonly name: string; readonly value: string }
  | { readonly op: 'info' | 'error' | 'source'; readonly value: RexText }
  /** A line of bash, or a program with arguments. */
  | { readonly op: 'command'; readonly value: string; readonly args: readonly RexText[] }
  | { readonly op: 'comment'; readonly value: string }

export const rexPhases = ['pre_commands', 'commands', 'post_commands'] as const
export type RexPhase = (typeof rexPhases)[number]

export function plainText(text: string): RexText {
  return [[false, text]]
}
