/** Ids of uploads: UUIDs as we make them, so that nothing else reaches a path or a database. */

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function isUploadId(text: string): boolean {
  return idPattern.test(text)
}
