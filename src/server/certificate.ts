/**
 * The certificate, read from its files again when they change.
 *
 * Invariant: what cannot be read, or does not fit together, is told and never used; the certificate
 * that was in use stays.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isAbsolute, join } from 'node:path'
import { AppError, type Emit, messageOf, readNamed } from '#kernel/index.ts'

const lookEveryMs = 5000

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

/** @throws AppError `oci/bad-certificate` */
export function readCertificate({ certificate, key, folder }: CertificateFiles): Tls {
  const read = (path: string): string => {
    const file = isAbsolute(path) ? path : join(folder, path)
    return new TextDecoder().decode(readNamed(file, (fault) => bad(`${file} ${fault}`)))
  }
  const tls = { cert: read(certificate), key: read(key) }
  if (fits(tls)) return tls
  throw bad(`The key in ${key} is not that of the certificate in ${certificate}`)
}

/** Calls `changed` with each certificate that comes after `current`, until it is disposed of. */
export function watchCertificate(
  files: CertificateFiles,
  current: Tls,
  { changed, emit }: { readonly changed: (tls: Tls) => void; readonly emit: Emit },
): CertificateWatch {
  let [used, complaint] = [current, '']
  const look = () => {
    try {
      const tls = readCertificate(files)
      complaint = ''
      if (tls.cert === used.cert && tls.key === used.key) return
      used = tls
      changed(tls)
    } catch (error) {
      const text = messageOf(error)
      if (text !== complaint) emit({ kind: 'warning', text, hints: [] })
      complaint = text
    }
  }
  const timer = setInterval(look, lookEveryMs)
  timer.unref()
  return { look, [Symbol.dispose]: () => clearInterval(timer) }
}

function fits({ cert, key }: Tls): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch (error) {
    throw bad('The certificate or its key is no PEM file', error)
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
