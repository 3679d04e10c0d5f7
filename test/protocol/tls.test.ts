/** TLS: a certificate from files, read again when they change, also while requests are under way. */
import { expect } from 'bun:test'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { systemClock, temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { openProject } from '../cli/harness.ts'
import { outside } from '../outside.ts'
import { until } from '../until.ts'
import { ourRegistry, tool } from './servers.ts'

const yaml = 'listen: { tls: { certificate: server.crt, key: server.key } }'
const config = parseRegistryConfig(yaml, 'registry.yaml')

/** Makes NAME.crt and NAME.key for this machine, signed by itself. */
async function certificate(folder: string, name: string): Promise<void> {
  const to = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  await tool(['openssl', 'req', '-x509', ...kind, ...names, ...to])
}

/** The name in the certificate that a new connection is shown. */
async function shownName(port: number): Promise<string> {
  const shown = Promise.withResolvers<string>()
  const options = { host: '127.0.0.1', port, rejectUnauthorized: false } as const
  const socket = connect(options, () => {
    shown.resolve(String(socket.getPeerCertificate().subject.CN))
    socket.end()
  })
  socket.on('error', shown.reject)
  return await shown.promise
}

outside(['openssl'])(
  'a certificate that changes is used from then on, and one that does not fit is not',
  async () => {
    using folder = temporaryFolder()
    const use = (name: string) => {
      for (const ending of ['key', 'crt'])
        copyFileSync(join(folder.path, `${name}.${ending}`), join(folder.path, `server.${ending}`))
    }
    await certificate(folder.path, 'first')
    await certificate(folder.path, 'second')
    use('first')
    const warnings: string[] = []
    await using server = await ourRegistry({
      config,
      folder: folder.path,
      emit: (event) => event.kind === 'warning' && warnings.push(event.text),
    })
    expect(server.url).toStartWith('https://127.0.0.1:')
    const port = Number(new URL(server.url).port)
    const ca = await Bun.file(join(folder.path, 'first.crt')).text()
    expect((await fetch(`${server.url}/v2/`, { tls: { ca } })).status).toBe(200)
    expect(await shownName(port)).toBe('first')

    copyFileSync(join(folder.path, 'second.crt'), join(folder.path, 'server.crt'))
    await until(() => warnings.length > 0)
    expect(warnings[0]).toContain('is not that of the certificate')
    expect(await shownName(port)).toBe('first')

    const upload = await fetch(`${server.url}/v2/a/blobs/uploads/`, { method: 'POST', tls: { ca } })
    use('second')
    await until(async () => (await shownName(port)) === 'second')
    const location = upload.headers.get('location') ?? ''
    const asked = await fetch(server.url + location, {
      tls: { ca: await Bun.file(join(folder.path, 'second.crt')).text() },
    })
    expect(asked.status).toBe(204)
  },
  30_000,
)

outside(['openssl'])(
  'files that cannot be used are refused before anything is served',
  async () => {
    using folder = temporaryFolder()
    const started = () => ourRegistry({ config, folder: folder.path })
    await expect(started()).rejects.toMatchObject({ code: 'oci/bad-certificate' })
    await certificate(folder.path, 'server')
    const file = (ending: string) => join(folder.path, `server.${ending}`)
    const pass = ['-aes128', '-passout', 'pass:x', '-in', file('key'), '-out', file('enc')]
    await tool(['openssl', 'ec', ...pass])
    copyFileSync(file('enc'), file('key'))
    await expect(started()).rejects.toThrow('server.key is no private key without a passphrase')
    copyFileSync(file('key'), file('crt'))
    await expect(started()).rejects.toThrow('server.crt is no certificate in PEM')
  },
)

outside(['openssl'])('a certificate that has ended, or ends within a day, is told', async () => {
  using folder = temporaryFolder()
  await certificate(folder.path, 'server')
  const warnings = async (inHours: number) => {
    const texts: string[] = []
    await using _ = await ourRegistry({
      config,
      folder: folder.path,
      clock: { ...systemClock, nowMs: () => Date.now() + inHours * 3_600_000 },
      emit: (event) => event.kind === 'warning' && texts.push(event.text),
    })
    return texts
  }
  expect(await warnings(23)).toEqual([])
  expect(await warnings(25)).toEqual([expect.stringContaining('refuse it from then on')])
  expect(await warnings(49)).toEqual([
    expect.stringMatching(/^The certificate in server.crt is good until .*Z: clients refuse it$/),
  ])
})

outside(['openssl'])('who asks without trust, or without TLS, is told what to do', async () => {
  using folder = temporaryFolder()
  await certificate(folder.path, 'server')
  await using server = await ourRegistry({ config, folder: folder.path })
  const trust = join(folder.path, 'server.crt')
  const asked = async (address: string, variables: Readonly<Record<string, string>> = {}) => {
    using project = openProject({}, variables)
    return await project.backlot('registry', 'stats', address)
  }
  const untrusted = await asked(server.url)
  expect(untrusted.stderr).toContain('hint: NODE_EXTRA_CA_CERTS=FILE names a PEM file')
  expect(untrusted.stderr).not.toContain('without TLS')
  expect(await asked(server.url, { NODE_EXTRA_CA_CERTS: trust })).toMatchObject({ exitCode: 0 })
  const plain = await asked(server.registry)
  expect(plain.stderr).toContain(`hint: If it has TLS: ${server.url}`)
  expect(plain.stderr).not.toContain('verbose')
})
