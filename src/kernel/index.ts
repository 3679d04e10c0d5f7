/**
 * What every room stands on: errors, digests, streams, files, processes, clock, events, limits.
 *
 * Not here: anything that knows what a package is.
 */
export { cancelled, throwIfCancelled } from './cancel.ts'
export { type Clock, fixedClock, systemClock } from './clock.ts'
export {
  canonicalJson,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  digestOf,
  digestParts,
  digester,
  isDigest,
  parseDigest,
} from './digest.ts'
export { type ThreadDigester, threadDigester } from './digest-thread.ts'
export {
  AppError,
  assert,
  type ErrorDetails,
  meaningOf,
  messageOf,
  redact,
  systemCode,
} from './errors.ts'
export { type ErrorCode, type ErrorMeaning, errorCatalogue } from './catalogue/index.ts'
export { type Emit, silent, type WorkEvent } from './events.ts'
export {
  explained,
  type Lock,
  lock,
  readIfPresent,
  rememberFile,
  readNamed,
  syncFolder,
  type TemporaryFolder,
  temporaryFolder,
  temporaryName,
  tryLock,
  writeFileAtomic,
} from './files.ts'
export {
  isFresh,
  launchCommand,
  launchContext,
  type LaunchInput,
  launchInput,
  type LaunchRecord,
  launchVariables,
  type LaunchVariables,
  readLaunchRecord,
  reserveView,
} from './launch.ts'
export { findProjectFolder, homeFolder, type LaunchChoice, launchRecordPath } from './launch-key.ts'
export { limits } from './limits.ts'
export { compareText } from './order.ts'
export {
  lastLines,
  run,
  type RunOptions,
  type RunResult,
  runOrThrow,
  which,
} from './process.ts'
export { replaceProcess } from './replace.ts'
export { type Bytes, limited, measure, one, readAll } from './streams.ts'
export { programVersion } from './version.ts'
export { openFolders, removeTree, walk } from './walk.ts'
export { workerAddress } from './worker-address.ts'
