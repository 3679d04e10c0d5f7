/**
 * JSON Schemas for editors; docs/formats/backlot.schema.json is made from the one of backlot.yaml.
 *
 * An editor's YAML reads `3.1` as a number and `false` as a boolean, which Backlot reads as text;
 * so the schema takes those wherever Backlot takes text.
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
      } else if (!node.enum && node.const === undefined) {
        Reflect.set(node, 'type', ['string', 'number', 'boolean'])
      }
    },
  })
  return { title, ...schema }
}
