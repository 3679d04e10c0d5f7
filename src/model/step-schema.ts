/**
 * The shape of `build:` in backlot.yaml.
 */
import { z } from 'zod'
import type { BuildStep, Conditional } from './recipe.ts'
import { anyText, formed, innerPath, oneOrMany, script, text, variableName } from './scalars.ts'
import { conditional, conditionalValues, guarded } from './when-schema.ts'

const source = innerPath.default('.')
const cmakeName = formed(/^[A-Za-z_][A-Za-z0-9_.+-]*$/, 'is not a name of a CMake variable')
const component = formed(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/, 'is not a component of CMake')
const makeTarget = formed(/^[A-Za-z0-9_./+=:][^\s]*$/, 'is not a target')

const cmakeBody = z.strictObject({
  source,
  definitions: z.record(cmakeName, conditionalValues).default({}),
  targets: z.array(makeTarget).default([]),
  generator: formed(/^[A-Za-z][A-Za-z0-9 .-]*$/, 'is not a generator of CMake').optional(),
  preset: formed(/^[^\s-]\S{0,199}$/, 'is not a name of a preset')
    .optional()
    .describe('A configure preset of CMakePresets.json, as `cmake --preset` takes it.'),
  components: oneOrMany(component)
    .optional()
    .describe('What is installed, as `cmake --install --component` takes it; all when absent.'),
})

const pythonBody = z.strictObject({
  source,
  settings: z.record(text, anyText).default({}),
})

const makeBody = z.strictObject({
  source,
  configure: z.array(text).default([]),
  targets: z.array(makeTarget).default([]),
  install: z.array(text).default(['install']),
})

/** A key without a value stands for a mapping without entries. */
function orNothing<T extends z.ZodType>(body: T) {
  return z.union([body, z.literal('').transform(() => body.parse({}))])
}

const cmakeStep = conditional({ cmake: orNothing(cmakeBody) }).transform(
  ({ cmake, when }): Conditional<BuildStep> => {
    const { generator, preset, components, ...rest } = cmake
    return {
      kind: 'cmake',
      ...rest,
      ...(generator !== undefined && { generator }),
      ...(preset !== undefined && { preset }),
      ...(components !== undefined && { components }),
      ...guarded(when),
    }
  },
)
const pythonStep = conditional({ python: orNothing(pythonBody) }).transform(
  ({ python, when }): Conditional<BuildStep> => ({ kind: 'python', ...python, ...guarded(when) }),
)
const makeStep = conditional({ make: orNothing(makeBody) }).transform(
  ({ make, when }): Conditional<BuildStep> => ({ kind: 'make', ...make, ...guarded(when) }),
)
const scriptStep = conditional({ script }).transform(
  (entry): Conditional<BuildStep> => ({
    kind: 'script',
    script: entry.script,
    ...guarded(entry.when),
  }),
)

/** `build:` */
export const buildSection = z.strictObject({
  steps: z.array(z.union([cmakeStep, pythonStep, makeStep, scriptStep])).min(1, 'has no step'),
  environment: z.record(variableName, conditionalValues).default({}),
})
