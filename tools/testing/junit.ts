/**
 * Reads what `bun test --reporter=junit` wrote: how many tests passed, failed and were skipped.
 */
export interface Outcome {
  readonly passed: number
  readonly failed: readonly string[]
  readonly skipped: readonly string[]
}

/** Counts the test cases of a JUnit file; nested suites are flattened. */
export function readJunit(xml: string): Outcome {
  const cases = [
    ...xml.matchAll(/<testcase\b(?<attributes>[^>]*?)(?:\/>|>(?<body>[\s\S]*?)<\/testcase>)/g),
  ].map(({ groups }) => ({
    name: attribute(groups?.['attributes'] ?? '', 'name'),
    body: groups?.['body'] ?? '',
  }))
  const having = (mark: RegExp) =>
    cases.filter(({ body }) => mark.test(body)).map(({ name }) => name)
  const failed = having(/<(?:failure|error)\b/)
  const skipped = having(/<skipped\b/)
  return { passed: cases.length - failed.length - skipped.length, failed, skipped }
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? ''
  return value.replaceAll(/&(#?\w+);/g, (whole, entity: string) => unescaped(entity) ?? whole)
}

function unescaped(entity: string): string | undefined {
  if (entity.startsWith('#x')) return String.fromCodePoint(Number.parseInt(entity.slice(2), 16))
  if (entity.startsWith('#')) return String.fromCodePoint(Number(entity.slice(1)))
  return { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }[entity]
}
