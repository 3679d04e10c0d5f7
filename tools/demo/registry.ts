/**
 * A `backlot serve` of the demo: started on a free port, and gone at the end of its scope.
 */
import { AppError } from '#kernel/index.ts'

export interface DemoRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, as references to images begin. */
  readonly host: string
}

/** Starts the registry and waits until it says where it listens. */
export async function startRegistry(options: {
  readonly backlot: string
  readonly data: string
  readonly env: Readonly<Record<string, string>>
}): Promise<DemoRegistry> {
  const argv = [options.backlot, 'serve', '--port', '0', '--data', options.data]
  const child = Bun.spawn([...argv, '--format', 'json'], {
    env: { ...options.env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await child.exited
  }
  let said = ''
  for await (const chunk of child.stdout) {
    said += new TextDecoder().decode(chunk)
    const host = /"http:\/\/(?<host>[^"/]+)\/?"/.exec(said)?.groups?.['host']
    if (host !== undefined) return { host, [Symbol.asyncDispose]: stop }
  }
  await stop()
  throw new AppError('kernel/program-failed', `backlot serve ended without an address: ${said}`)
}
