/** Secrets that registry.yaml names by file, so that the file itself holds none. */
import { isAbsolute, join } from 'node:path'
import { AppError, limits, readNamed } from '#kernel/index.ts'

/** The first line of a file. @throws AppError `model/bad-file` */
export function secretIn(path: string, folder: string): string {
  const file = isAbsolute(path) ? path : join(folder, path)
  const bytes = readNamed(file, (fault) => badSecret(file, fault))
  const text = new TextDecoder().decode(bytes.subarray(0, limits.errorBodyBytesMax))
  const secret = text.split(/\r?\n/, 1).join('')
  if (secret !== '') return secret
  throw badSecret(file, 'has no password on its first line')
}

function badSecret(file: string, fault: string): AppError {
  return new AppError('model/bad-file', `${file} ${fault}`, {
    hints: ['Put the password or access token on its first line; docs/formats/registry-yaml.md'],
  })
}
