/**
 * What long work tells while it runs. Rooms emit; only the CLI and the server render.
 *
 * Not here: results. An event may be dropped without changing any outcome.
 */
export type WorkEvent =
  | { readonly kind: 'start'; readonly task: string; readonly label: string }
  /** `total` is absent while it is unknown. */
  | {
      readonly kind: 'progress'
      readonly task: string
      readonly done: number
      readonly total?: number
      readonly unit: 'bytes' | 'files' | 'steps'
    }
  /** A phase of the task began: `fetch`, `configure`, `compile`, … */
  | { readonly kind: 'phase'; readonly task: string; readonly phase: string }
  | { readonly kind: 'line'; readonly task: string; readonly text: string }
  | {
      readonly kind: 'end'
      readonly task: string
      readonly outcome: 'done' | 'reused' | 'failed' | 'cancelled'
      readonly durationMs: number
      readonly note?: string
    }
  | { readonly kind: 'warning'; readonly text: string; readonly hints: readonly string[] }

export type Emit = (event: WorkEvent) => void

/** Drops every event. */
export const silent: Emit = () => undefined
