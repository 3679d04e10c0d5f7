/** One piece of long work, told from its start to its end. */
import type { Clock, Emit } from '#kernel/index.ts'

export interface TaskOptions {
  readonly emit: Emit
  readonly clock: Clock
  readonly task: string
  /** What people read: `imath 3.1.6`. */
  readonly label: string
  readonly phase: string
}

/**
 * Runs the work as one task. What it emits itself goes out under this task: progress and lines,
 * not the starts and ends of its parts.
 */
export async function asTask<T>(
  options: TaskOptions,
  work: (emit: Emit) => Promise<T>,
): Promise<T> {
  const { emit, clock, task, label, phase } = options
  const startMs = clock.nowMs()
  const end = (outcome: 'done' | 'failed') =>
    emit({ kind: 'end', task, outcome, durationMs: clock.nowMs() - startMs })
  emit({ kind: 'start', task, label })
  emit({ kind: 'phase', task, phase })
  try {
    const result = await work((event) => {
      if (event.kind === 'warning') emit(event)
      if (event.kind === 'progress' || event.kind === 'line') emit({ ...event, task })
    })
    end('done')
    return result
  } catch (error) {
    end('failed')
    throw error
  }
}
