import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { silent, temporaryFolder } from '#kernel/index.ts'
import type { Mirror } from '#model/index.ts'
import { debSourceLines } from './deb-src.ts'
import { outside } from '../../test/outside.ts'
import { fetchPypi } from './fetch-other.ts'
import { fetchFile, sourceCache } from './sources.ts'

const html = { 'content-type': 'text/html' }
const body = 'the source'
const sha256 = new Bun.CryptoHasher('sha256').update(body).digest('hex')

function context(home: string, mirrors: readonly Mirror[] = []) {
  return {
    home,
    mirrors,
    env: { PATH: '' },
    emit: silent,
    signal: new AbortController().signal,
    sandbox: 'bubblewrap',
  } as const
}

/** A server that gives these answers one after another, the last one for ever. */
function server(answers: readonly (() => Response)[]) {
  const asked: string[] = []
  const running = Bun.serve({
    port: 0,
    fetch: (request) => {
      asked.push(new URL(request.url).pathname)
      const answer = answers[Math.min(asked.length, answers.length) - 1]
      return answer?.() ?? new Response(null, { status: 404 })
    },
  })
  const url = `http://127.0.0.1:${running.port}`
  return { url, asked, [Symbol.dispose]: () => void running.stop(true) }
}

test('a source is downloaded once and then comes from the cache', async () => {
  using home = temporaryFolder()
  using http = server([() => new Response(body)])
  const source = { url: `${http.url}/v1.tar.gz`, sha256 }

  const first = await fetchFile(context(home.path), source)
  const second = await fetchFile(context(home.path), source)

  expect(readFileSync(first.path, 'utf8')).toBe(body)
  expect(second).toEqual({ path: first.path, from: 'cache' })
  expect(http.asked).toEqual(['/v1.tar.gz'])
})

test('the hash is that of the file, whatever coding the server claims for it', async () => {
  using home = temporaryFolder()
  const packed = Bun.gzipSync(body)
  const wanted = new Bun.CryptoHasher('sha256').update(packed).digest('hex')
  const headers = { 'content-encoding': 'gzip' }
  using http = server([() => new Response(packed, { headers })])

  const got = await fetchFile(context(home.path), { url: `${http.url}/a.tgz`, sha256: wanted })

  expect(readFileSync(got.path)).toEqual(Buffer.from(packed))
})

test('a server that fails twice is asked a third time', async () => {
  using home = temporaryFolder()
  const fails = () => new Response('busy', { status: 503 })
  using http = server([fails, fails, () => new Response(body)])

  const got = await fetchFile(context(home.path), { url: `${http.url}/a.tgz`, sha256 })

  expect(got.from).toBe(`${http.url}/a.tgz`)
  expect(http.asked).toHaveLength(3)
})

test('a server that stops in the middle is given up, however much it sent before', async () => {
  using home = temporaryFolder()
  const stalls = () =>
    new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(9)) }),
    )
  using http = server([stalls])
  const impatient = { ...context(home.path), idleTimeoutMs: 30 }

  const got = fetchFile(impatient, { url: `${http.url}/a.tgz`, sha256 })

  await expect(got).rejects.toMatchObject({
    code: 'build/source-missing',
    message: expect.stringContaining('no byte for 30 ms'),
  })
  expect(http.asked).toHaveLength(4)
  expect(readdirSync(sourceCache(home.path))).toEqual([])
})

test('a wrong hash is an error that names both, and nothing stays in the cache', async () => {
  using home = temporaryFolder()
  using http = server([() => new Response('something else')])

  const got = fetchFile(context(home.path), { url: `${http.url}/a.tgz`, sha256 })

  await expect(got).rejects.toMatchObject({
    code: 'build/source-mismatch',
    message: expect.stringContaining(sha256),
  })
  expect(readdirSync(sourceCache(home.path))).toEqual([])
})

test('a missing source lists what every place said, and how to give it', async () => {
  using home = temporaryFolder()
  using http = server([() => new Response(null, { status: 404 })])
  const mirrors: Mirror[] = [{ kind: 'folder', path: join(home.path, 'nothing') }]
  mkdirSync(join(home.path, 'nothing'))

  const got = fetchFile(context(home.path, mirrors), { url: `${http.url}/a.tgz`, sha256 })

  await expect(got).rejects.toMatchObject({
    code: 'build/source-missing',
    message: expect.stringMatching(/nothing: it has no such file; origin: .*answered 404/),
    hints: [expect.stringContaining('mirrors')],
  })
  expect(http.asked).toHaveLength(1)
})

test('a file of the right name and other bytes in a folder is told', async () => {
  using home = temporaryFolder()
  using http = server([() => new Response(null, { status: 404 })])
  const folder = join(home.path, 'mirror')
  mkdirSync(folder)
  writeFileSync(join(folder, 'a.tgz'), 'cut short')
  const mirrors: Mirror[] = [{ kind: 'folder', path: folder }]

  const got = fetchFile(context(home.path, mirrors), { url: `${http.url}/a.tgz`, sha256 })

  await expect(got).rejects.toMatchObject({
    code: 'build/source-mismatch',
    message: expect.stringMatching(/mirror\/a\.tgz has SHA-256 [0-9a-f]{64}, the recipe wants/),
  })
})

test('a folder mirror is searched by hash, whatever the file is called', async () => {
  using home = temporaryFolder()
  const folder = join(home.path, 'mirror')
  mkdirSync(folder)
  writeFileSync(join(folder, 'imath_3.1.6.orig.tar.gz'), body)
  writeFileSync(join(folder, 'v3.1.6.tar.gz'), 'a file of the right name with other bytes')
  const mirrors: Mirror[] = [{ kind: 'folder', path: folder }]

  const got = await fetchFile(context(home.path, mirrors), {
    url: 'http://127.0.0.1:1/v3.1.6.tar.gz',
    sha256,
  })

  expect(got.from).toBe(`folder ${folder}`)
})

test('an http mirror is asked by hash, then by name, before the origin', async () => {
  using home = temporaryFolder()
  using http = server([() => new Response(null, { status: 404 }), () => new Response(body)])
  const mirrors: Mirror[] = [{ kind: 'http', url: `${http.url}/m/` }]

  const got = await fetchFile(context(home.path, mirrors), {
    url: 'http://127.0.0.1:1/a.tgz',
    sha256,
  })

  expect(http.asked).toEqual([`/m/${sha256}/a.tgz`, '/m/a.tgz'])
  expect(got.from).toBe(`${http.url}/m/a.tgz`)
})

test('a cached file that the disk has damaged is fetched again', async () => {
  using home = temporaryFolder()
  using http = server([() => new Response(body)])
  mkdirSync(sourceCache(home.path), { recursive: true })
  writeFileSync(join(sourceCache(home.path), sha256), 'the s')

  const got = await fetchFile(context(home.path), { url: `${http.url}/a.tgz`, sha256 })

  expect(readFileSync(got.path, 'utf8')).toBe(body)
})

test('a cancelled download leaves no file', async () => {
  using home = temporaryFolder()
  const controller = new AbortController()
  using http = server([
    () => {
      const stalled = new ReadableStream({
        start: (stream) => {
          stream.enqueue(new TextEncoder().encode('the '))
          controller.abort()
        },
      })
      return new Response(stalled)
    },
  ])
  const got = fetchFile(
    { ...context(home.path), signal: controller.signal },
    { url: `${http.url}/a.tgz`, sha256 },
  )

  await expect(got).rejects.toMatchObject({ code: 'kernel/cancelled' })
  expect(existsSync(join(sourceCache(home.path), sha256))).toBe(false)
  expect(readdirSync(sourceCache(home.path))).toEqual([])
})

test('apt sources of both forms become deb-src lines; other archives are left out', () => {
  const texts = [
    'deb [signed-by=/k.gpg arch=amd64] http://archive.example/ubuntu jammy main universe\n# deb x\n',
    [
      'Types: deb\nURIs: http://deb.example/debian\nSuites: bookworm bookworm-updates',
      'Components: main\nSigned-By: /usr/share/keyrings/d.gpg',
    ].join('\n'),
    'deb https://packages.example/apt cloud-sdk main\n',
    'Types: deb\nURIs: https://deb.example\nSuites: nodistro\nComponents: main\n',
    'Types: deb\nEnabled: no\nURIs: https://off.example\nSuites: bookworm\nComponents: main\n',
  ]

  expect(debSourceLines(texts)).toEqual([
    'deb-src [signed-by=/k.gpg] http://archive.example/ubuntu jammy main universe',
    'deb-src [signed-by=/usr/share/keyrings/d.gpg] http://deb.example/debian bookworm main',
    'deb-src [signed-by=/usr/share/keyrings/d.gpg] http://deb.example/debian bookworm-updates main',
  ])
})

test('what is no mirror is told, and a mirror that was asked is not proposed', async () => {
  using home = temporaryFolder()
  writeFileSync(join(home.path, 'file'), '')
  const mirrors = [
    { kind: 'folder', path: join(home.path, 'file') },
    { kind: 'folder', path: join(home.path, 'nowhere') },
    { kind: 'deb-src' },
  ] as const
  const source = { url: 'http://127.0.0.1:1/a.tgz', sha256, debSrc: 'no-such-package' }

  await expect(fetchFile(context(home.path, mirrors), source)).rejects.toMatchObject({
    code: 'build/source-missing',
    message: expect.stringMatching(/file: there is no such folder; .*nowhere: there is no such/),
    hints: [expect.stringContaining('Put the file into a folder')],
  })
})

outside(['pip', 'namespaces'])('a sdist with another hash: got and wanted', async () => {
  using home = temporaryFolder()
  using http = server([
    () => new Response('<a href="/thing-1.0.tar.gz">thing-1.0.tar.gz</a>', { headers: html }),
    () => new Response(Bun.gzipSync(body)),
  ])
  const env = { PATH: process.env['PATH'] ?? '', PIP_INDEX_URL: `${http.url}/simple` }
  const source = { kind: 'pypi', pypi: 'thing', sha256, strip: 1 } as const

  const got = fetchPypi({ ...context(home.path), env }, source, '1.0')

  await expect(got).rejects.toMatchObject({
    code: 'build/source-mismatch',
    message: expect.stringMatching(
      new RegExp(`^thing 1.0 has SHA-256 [0-9a-f]{64}, .* wants ${sha256}$`),
    ),
  })
})
