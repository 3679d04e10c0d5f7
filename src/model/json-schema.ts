/**
 * JSON Schemas for editors; docs/formats/backlot.schema.json is made from the one of backlot.yaml.
 *
 * An editor's YAML reads `3.1` as a number, `false` as a boolean and nothing as null, which Backlot
 * reads as text; so the schema takes those wherever Backlot takes such a text.
 */
import { z } from 'zod'
import { projectShape } from './project-schema.ts'

/** A JSON Schema (draft 2020-12) of backlot.yaml. */
export function jsonSchema(): Record<string, unknown> {
  return schemaOf(projectShape, 'backlot.yaml')
}

/** The schema of a shape of ours. Its keys come in the same order every time. */
export function schemaOf(shape: z.ZodType, title: string): Record<string, unknown> {
  const schema = z.toJSONSchema(shape, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'ref',
    override: ({ jsonSchema: node }) => {
      if (node.type !== 'string') return
      const yaml: unknown = Reflect.get(node, 'yaml')
      if (yaml === 'boolean' || yaml === 'integer') {
        for (const key of ['yaml', 'enum', 'pattern', 'type']) Reflect.deleteProperty(node, key)
        node.type = yaml
      } else if (node.const === '') {
        for (const key of ['const', 'type']) Reflect.deleteProperty(node, key)
        Reflect.set(node, 'enum', ['', null])
      } else if (!node.enum && node.const === undefined) {
        const mayBeEmpty = (node.minLength ?? 0) === 0 && node.pattern === undefined
        const types = ['string', 'number', 'boolean', ...(mayBeEmpty ? ['null'] : [])]
        Reflect.set(node, 'type', types)
      }
    },
  })
  return { title, ...schema }
}
