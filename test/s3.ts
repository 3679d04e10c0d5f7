/**
 * A real S3 service for tests: versitygw on a temporary folder, on loopback.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { type BucketPlace, openBucket } from '#store/index.ts'
import { freePort } from './free-port.ts'
import { goProgram } from './go-programs.ts'

export interface S3Server extends AsyncDisposable {
  /** Makes an empty bucket. */
  fresh(): Promise<BucketPlace>
  /** The folder behind the buckets: an object is a file of it. */
  readonly folder: string
  kill(): Promise<void>
  start(): Promise<void>
}

/** Starts the service; it ends with the `using` block, or with this process. */
export async function startS3(): Promise<S3Server> {
  const folder = temporaryFolder()
  const port = freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const buckets = join(folder.path, 'buckets')
  mkdirSync(buckets)
  const credentials = { accessKeyId: 'backlot', secretAccessKey: 'secret' }
  const launch = () =>
    Bun.spawn(
      [
        'setpriv',
        '--pdeathsig=KILL',
        goProgram('versitygw') ?? 'versitygw',
        `--port=127.0.0.1:${port}`,
        '--access=backlot',
        '--secret=secret',
        'posix',
        buckets,
      ],
      { env: { PATH: process.env['PATH'] ?? '' }, stdio: ['ignore', 'ignore', 'ignore'] },
    )
  let child = launch()
  const answers = async () => {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await fetch(endpoint)
      } catch (error) {
        if (attempt > 500) throw error
        await Bun.sleep(20)
      }
  }
  await answers()
  let count = 0
  const kill = async () => {
    child.kill('SIGKILL')
    await child.exited
  }
  return {
    folder: buckets,
    fresh: async () => {
      count += 1
      const bucket = `test-${count}`
      const place = { endpoint, bucket, region: 'us-east-1', credentials, prefix: '' }
      // A PUT of the empty key is that of the bucket.
      await openBucket({ ...place, addressing: 'path' }).put('', new Uint8Array())
      return { ...place, prefix: 'registry/', addressing: 'path' }
    },
    kill,
    start: async () => {
      child = launch()
      await answers()
    },
    [Symbol.asyncDispose]: async () => {
      await kill()
      folder[Symbol.dispose]()
    },
  }
}
