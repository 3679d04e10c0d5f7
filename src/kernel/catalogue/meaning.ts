/** What a code of the catalogue says to a shell, to an HTTP client and to a reader. */
export interface ErrorMeaning {
  /**
   * 1: the answer is no, or the work failed; 2: wrong use or input; as shells have it, 126: a
   * command may not be run, 127: there is none.
   */
  readonly exit: 1 | 2 | 126 | 127
  readonly status: number
  /** One paragraph for docs/errors.md: what happened, and what to do. */
  readonly text: string
}
