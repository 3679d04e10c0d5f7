/** Servers of Node on a free port of this machine. */
import type { Server } from 'node:net'

/** Has the server listen; its host and port. */
export async function listening(server: Server): Promise<string> {
  const begun = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', begun.resolve)
  await begun.promise
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`
}
