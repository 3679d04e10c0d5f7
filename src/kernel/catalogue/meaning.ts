/** What a code of the catalogue says to a shell, to an HTTP client and to a reader. */
export interface ErrorMeaning {
  /** 1: the answer is no, or the work failed; 2: wrong use or input. */
  readonly exit: 1 | 2
  readonly status: number
  /** One paragraph for docs/errors.md: what happened, and what to do. */
  readonly text: string
}
