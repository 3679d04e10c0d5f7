import { expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import type { Tls } from './certificate.ts'
import { listenAt } from './listener.ts'
import { socketCalls } from './sockets.ts'

function certificate(name: string): Tls {
  using folder = temporaryFolder()
  const [key, cert] = ['key', 'crt'].map((ending) => join(folder.path, ending))
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const about = ['-subj', `/CN=${name}`, '-keyout', `${key}`, '-out', `${cert}`]
  const made = Bun.spawnSync(['openssl', 'req', '-x509', ...kind, ...about], { stderr: 'pipe' })
  expect(made.exitCode, made.stderr.toString()).toBe(0)
  return { cert: readFileSync(`${cert}`, 'utf8'), key: readFileSync(`${key}`, 'utf8') }
}

/** The name in the certificate that a new connection is shown. */
async function shownName(port: number): Promise<string> {
  const shown = Promise.withResolvers<string>()
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
    shown.resolve(String(socket.getPeerCertificate().subject.CN))
    socket.end()
  })
  socket.on('error', shown.reject)
  return await shown.promise
}

outside(['openssl'])('who is connecting while the certificate changes is answered', async () => {
  const calls = await socketCalls()
  const app = { fetch: async () => new Response() }
  const rest = { host: '127.0.0.1', port: 0, idleSeconds: 10, graceMs: 0, calls, app }
  const listener = listenAt({ ...rest, tls: certificate('first') })
  const second = certificate('second')

  const before = Array.from({ length: 200 }, () => shownName(listener.port))
  await Bun.sleep(0) // They have begun to connect, and nobody has accepted them.
  listener.renew(second)
  const after = Array.from({ length: 20 }, () => shownName(listener.port))

  expect(new Set(await Promise.all(before))).toContain('first')
  expect(new Set(await Promise.all(after))).toEqual(new Set(['second']))
  await listener.stop()
})
