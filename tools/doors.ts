/**
 * Imports through a room's door, made imports of the files behind it while a program is compiled.
 *
 * A door names everything of its room, so that one word from it would load the whole room: with it
 * schemas and parsers that a short command never uses. Rooms do nothing when they are loaded, so
 * what a program does is the same.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BunPlugin } from 'bun'
import { parseSync } from 'oxc-parser'

const door = /^#(?<room>[a-z]+)\/index\.ts$/

/** `const { name } = await import('#room/index.ts')` */
const lateImport = /\{([\w\s,]*)\} = await import\('#([a-z]+)\/index\.ts'\)/g

/** A bundler plugin for the sources below `source`. */
export function throughDoors(source: string): BunPlugin {
  const behind = new Map<string, ReadonlyMap<string, string>>()
  const filesOf = (room: string): ReadonlyMap<string, string> => {
    const known = behind.get(room) ?? exportsOf(join(source, room, 'index.ts'))
    behind.set(room, known)
    return known
  }
  return {
    name: 'through-doors',
    setup: (build) => {
      build.onLoad({ filter: /[/\\]src[/\\].*\.tsx?$/ }, ({ path, loader }) => ({
        contents: directImports(path, filesOf),
        loader,
      }))
    },
  }
}

/** The file behind a door for each value that it names. */
function exportsOf(path: string): ReadonlyMap<string, string> {
  const { staticExports } = parseSync(path, readFileSync(path, 'utf8')).module
  const files = new Map<string, string>()
  for (const { entries } of staticExports)
    for (const { exportName, importName, moduleRequest, isType } of entries)
      if (!isType && moduleRequest && exportName.name === importName.name)
        files.set(exportName.name ?? '', moduleRequest.value.replace(/^\.\//, ''))
  return files
}

function directImports(
  path: string,
  filesOf: (room: string) => ReadonlyMap<string, string>,
): string {
  const text = readFileSync(path, 'utf8')
  let made = ''
  let end = 0
  for (const one of parseSync(path, text).module.staticImports) {
    const room = door.exec(one.moduleRequest.value)?.groups?.['room']
    if (room === undefined) continue
    const lines: string[] = []
    for (const { importName, localName, isType } of one.entries) {
      if (isType) continue
      const name = importName.name ?? ''
      const from = filesOf(room).get(name) ?? 'index.ts'
      lines.push(`import { ${name} as ${localName.value} } from '#${room}/${from}'`)
    }
    made += `${text.slice(end, one.start)}${lines.join(';')}`
    end = one.end
  }
  return (made + text.slice(end)).replace(lateImport, (whole, names: string, room: string) => {
    const files = new Set(names.split(',').map((name) => filesOf(room).get(name.trim())))
    const [only] = files
    return only === undefined || files.size > 1 ? whole : whole.replace('index.ts', only)
  })
}
