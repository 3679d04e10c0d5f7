/**
 * The command line: parse, call one use case, print.
 *
 * Invariant: stdout holds results only; every failure leaves one message and an exit code.
 * Not here: argv, variables and signals of the process (`main.ts`), decisions (`#app`).
 */
export type {
  Becoming,
  CliContext,
  RegistryPlace,
  RunningServer,
  ServeOptions,
  Terminal,
} from './context.ts'
export { buildProgram, type ProgramOutput } from './program.ts'
export { cliReference } from './reference.ts'
export { runCli } from './run-cli.ts'
export { shippedRecipes } from './shipped.ts'
