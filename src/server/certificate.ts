/**
 * The certificate, read from its files again when they change.
 *
 * Invariant: what cannot be read, or does not fit together, is told and never used; the certificate
 * that was in use stays.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isAbsolute, join } from 'node:path'
import { AppError, type Clock, type Emit, messageOf, readNamed } from '#kernel/index.ts'

const lookEveryMs = 5000
/** Whoever renews certificates does it long before. */
const soonMs = 24 * 3_600_000

/** PEM texts. */
export interface Tls {
  readonly cert: string
  readonly key: string
}

export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
  /** What the paths are relative to. */
  readonly folder: string
}

export interface CertificateWatch extends Disposable {
  /** Looks now, without waiting for the next time. */
  look(): void
}

interface WatchOptions {
  readonly changed: (tls: Tls) => void
  readonly emit: Emit
  readonly clock: Pick<Clock, 'nowMs'>
}

/** @throws AppError `oci/bad-certificate` */
export function readCertificate({ certificate, key, folder }: CertificateFiles): Tls {
  const read = (path: string): string => {
    const file = isAbsolute(path) ? path : join(folder, path)
    return new TextDecoder().decode(readNamed(file, (fault) => bad(`${file} ${fault}`)))
  }
  const tls = { cert: read(certificate), key: read(key) }
  const parts = {
    certificate: parsed(() => new X509Certificate(tls.cert), `${certificate} is no certificate`),
    key: parsed(() => createPrivateKey(tls.key), `${key} is no private key without a passphrase`),
  }
  if (parts.certificate.checkPrivateKey(parts.key)) return tls
  throw bad(`The key in ${key} is not that of the certificate in ${certificate}`)
}

/**
 * Calls `changed` with each certificate that comes after `current`, until it is disposed of; tells
 * once when the one in use is about to end, or has.
 */
export function watchCertificate(
  files: CertificateFiles,
  current: Tls,
  { changed, emit, clock }: WatchOptions,
): CertificateWatch {
  let [used, complaint] = [current, '']
  const tell = (text: string) => {
    if (text !== '' && text !== complaint) emit({ kind: 'warning', text, hints: [] })
    complaint = text
  }
  const look = () => {
    try {
      const tls = readCertificate(files)
      tell(endOf(tls, files.certificate, clock.nowMs()))
      if (tls.cert === used.cert && tls.key === used.key) return
      used = tls
      changed(tls)
    } catch (error) {
      tell(messageOf(error))
    }
  }
  look()
  const timer = setInterval(look, lookEveryMs)
  timer.unref()
  return { look, [Symbol.dispose]: () => clearInterval(timer) }
}

/** What to say when clients refuse it, or will tomorrow. */
function endOf({ cert }: Tls, file: string, nowMs: number): string {
  const endMs = Date.parse(new X509Certificate(cert).validTo)
  if (endMs - nowMs > soonMs) return ''
  const end = new Date(endMs).toISOString()
  const clients = endMs <= nowMs ? 'clients refuse it' : 'clients refuse it from then on'
  return `The certificate in ${file} is good until ${end}: ${clients}`
}

function parsed<T>(parse: () => T, complaint: string): T {
  try {
    return parse()
  } catch (error) {
    throw bad(`${complaint} in PEM`, error)
  }
}

function bad(text: string, cause?: unknown): AppError {
  return new AppError('oci/bad-certificate', text, {
    hints: [
      'listen.tls in registry.yaml names both files; the certificate comes first in its file.',
    ],
    cause,
  })
}
