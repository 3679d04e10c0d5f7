import { expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { silent, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { fetchDebSource } from './deb-src.ts'

const path = '/usr/sbin:/usr/bin:/sbin:/bin'
const test = outside(['apt-get'])

function hash(text: string, algorithm: 'md5' | 'sha256' = 'sha256'): string {
  return new Bun.CryptoHasher(algorithm).update(text).digest('hex')
}

/** A Debian archive with one source package, `word`, on loopback. */
function archive(tarball: string) {
  const files = new Map([
    ['word_1.orig.tar.gz', tarball],
    ['word_1-1.debian.tar.xz', 'packaging'],
  ])
  const lines = (each: (text: string) => string) =>
    [...files].map(([name, text]) => ` ${each(text)} ${text.length} ${name}`).join('\n')
  const common = 'Version: 1-1\nFormat: 3.0 (quilt)\nMaintainer: a <a@example.org>\n'
  const sums = `Files:\n${lines((text) => hash(text, 'md5'))}\nChecksums-Sha256:\n${lines(hash)}\n`
  const dsc = `Source: word\nBinary: word\nArchitecture: any\n${common}${sums}`
  files.set('word_1-1.dsc', dsc)
  const all = `Files:\n${lines((text) => hash(text, 'md5'))}\nChecksums-Sha256:\n${lines(hash)}\n`
  const index = `Package: word\nBinary: word\nArchitecture: any\n${common}Directory: .\n${all}\n`
  const asked: string[] = []
  const running = Bun.serve({
    port: 0,
    fetch: (request) => {
      const name = new URL(request.url).pathname.replace(/^[./]+/, '')
      asked.push(name)
      const body = name === 'Sources' ? index : files.get(name)
      return body === undefined ? new Response(null, { status: 404 }) : new Response(body)
    },
  })
  const line = `deb-src [trusted=yes] http://127.0.0.1:${running.port} ./`
  return { line, asked, [Symbol.dispose]: () => void running.stop(true) }
}

test('the file with the wanted hash is taken from a Debian source package', async () => {
  using home = temporaryFolder()
  const tarball = 'upstream bytes'
  using debian = archive(tarball)
  const context = {
    home: home.path,
    mirrors: [],
    env: { PATH: path },
    emit: silent,
    signal: new AbortController().signal,
    sandbox: 'bubblewrap',
  } as const
  const ask = async (sha256: string) => {
    let got: string | undefined
    const found = await fetchDebSource(
      context,
      { name: 'word', sha256, archives: [debian.line] },
      async (file) => void (got = readFileSync(file, 'utf8')),
    )
    return { found, got }
  }

  expect(await ask(hash(tarball))).toEqual({ found: true, got: tarball })
  const before = debian.asked.filter((name) => name.endsWith('orig.tar.gz')).length
  expect(await ask(hash('other bytes'))).toEqual({ found: false, got: undefined })
  expect(debian.asked.filter((name) => name.endsWith('orig.tar.gz')).length).toBe(before)
})
