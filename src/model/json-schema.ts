/** JSON Schema of backlot.yaml, for editors. */
export declare function jsonSchema(): Record<string, unknown>
