/**
 * What S3 services answer, which is flat XML: elements by name, without attributes that matter.
 */

/** The inside of each element of that name. */
export function members(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}>(.*?)</${name}>`, 'gs')
  return [...xml.matchAll(pattern)].map((match) => match[1] ?? '')
}

/** The text of the first element of that name. */
export function textOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1]
  return text?.replaceAll(
    /&(lt|gt|quot|apos|amp|#(\d+)|#x([0-9a-fA-F]+));/g,
    (whole, entity: string, decimal?: string, hex?: string) => {
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      return { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }[entity] ?? whole
    },
  )
}

/** The code of an error, when that is what the answer is. */
export function errorCode(xml: string): string | undefined {
  return xml.includes('<Error>') ? (textOf(xml, 'Code') ?? 'an error') : undefined
}
