/**
 * Becoming another program: the environment's variables are applied and this process is replaced.
 *
 * Invariant: after `launch` the process is the child itself, so signals, exit codes and memory are
 * the child's and nothing waits; where a process cannot be replaced, its exit code is passed on.
 * What this program changed about its own signals and limits is put back first.
 * Kept on this floor, and free of schemas, so that `run` starts without loading the other rooms.
 * Source: execve(2), signal(7), "Signal mask and pending signals".
 */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { AppError } from './errors.ts'

/** How to enter an environment, ready to execute; written by us, so it is not validated deeply. */
export interface LaunchRecord {
  readonly format: 1
  /** Files that this was made from: it is stale once one of them changed. */
  readonly inputs: readonly LaunchInput[]
  /** Folders without which it cannot work: the view. */
  readonly needs: readonly string[]
  /** What stands before the command, for example bubblewrap and its arguments; may be empty. */
  readonly argv: readonly string[]
  readonly variables: LaunchVariables
}

/** Identity of a file's content without reading it. Absent files have size -1. */
export interface LaunchInput {
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedMs: number
}

export interface LaunchVariables {
  readonly set: Readonly<Record<string, string>>
  /** Entries put in front of a list variable (`PATH`); later duplicates of them go. */
  readonly prepend: Readonly<Record<string, readonly string[]>>
  readonly unset: readonly string[]
}

type Variables = Readonly<Record<string, string | undefined>>
