/** What goes wrong with uploads, in all drivers. */
import { AppError, type Digest } from '#kernel/index.ts'

export function uploadUnknown(id: string): AppError {
  return new AppError('oci/upload-unknown', `There is no upload '${id.slice(0, 64)}' here`)
}

export function digestInvalid(want: Digest, actual: Digest): AppError {
  return new AppError('oci/digest-invalid', `The upload has digest ${actual}, expected ${want}`)
}

export function outOfOrder(start: number, size: number): AppError {
  return new AppError('oci/range-invalid', `The part begins at ${start}, the upload is at ${size}`)
}

export function takenOver(): AppError {
  return new AppError('oci/upload-invalid', 'A newer request took this upload over')
}

export function alreadyWhole(): AppError {
  return new AppError('oci/upload-invalid', 'The upload is whole: finish it, or begin a new one')
}

export function tooMuch(max: number): AppError {
  return new AppError('kernel/too-large', `The upload grows past ${max} bytes`)
}
