/** `backlot serve` in a process of its own, for as long as it is measured. */
import { z } from 'zod'
import type { BenchContext } from './harness.ts'

export interface Served extends AsyncDisposable {
  readonly url: string
  /** Host and port. */
  readonly registry: string
  readonly pid: number
}

/** Starts it on a folder; what it takes to answer ends with this. */
export async function served(
  { backlot, env }: BenchContext,
  { data, config }: { readonly data: string; readonly config?: string },
): Promise<Served> {
  const words = config === undefined ? [] : ['--config', config]
  const argv = [backlot, 'serve', '--port', '0', '--data', data, '--format', 'json', ...words]
  const child = Bun.spawn(argv, { env: { ...env }, stdout: 'pipe', stderr: 'inherit' })
  let said = ''
  for await (const chunk of child.stdout) {
    said += new TextDecoder().decode(chunk)
    if (said.endsWith('}\n')) break
  }
  if (said === '') throw new Error(`${argv.join(' ')} ended`)
  const { url } = z.object({ url: z.url() }).parse(JSON.parse(said))
  return {
    url,
    registry: new URL(url).host,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await child.exited
    },
  }
}
