/**
 * Reading backlot.yaml: text to `Project`, complaints to the lines they are about.
 *
 * Invariant: a file is taken whole or refused with up to five complaints, each with line, column,
 * excerpt and, for a misspelt word, the word that was probably meant.
 */
import { canonicalJson, digestOf } from '#kernel/index.ts'
import type { z } from 'zod'
import { complaintsOf, explainIssue } from './complaints.ts'
import type { Environment, Project } from './project.ts'
import { projectShape } from './project-schema.ts'
import { badFile, parseYaml } from './yaml-text.ts'

/**
 * The project that a backlot.yaml describes.
 * @param path Named in messages only.
 * @throws AppError `model/bad-file`
 */
export function parseProject(text: string, path: string): Project {
  const yaml = parseYaml(text, path)
  const parsed = projectShape.safeParse(yaml.value, { error: explainIssue })
  if (!parsed.success) throw badFile(text, path, complaintsOf(parsed.error.issues, yaml))
  const { environment, environments, package: recipe, ...rest } = parsed.data
  if (environment && Object.hasOwn(environments, 'default'))
    throw badFile(text, path, [
      {
        message: "the environment 'default' is described twice: here and under 'environment'",
        ...yaml.placeOfKey(['environments'], 'default'),
      },
    ])
  return {
    ...(recipe && { package: recipe }),
    environments: byName(environment, environments),
    ...present(rest),
    recipes: rest.recipes,
    mirrors: rest.mirrors,
    digest: digestOf(canonicalJson(yaml.value)),
  }
}

/** Without a prototype, so that no name of a member of all objects passes for an environment. */
function byName(
  usual: Environment | undefined,
  others: Readonly<Record<string, Environment>>,
): Readonly<Record<string, Environment>> {
  const empty: Record<string, Environment> = Object.create(null)
  return Object.assign(empty, usual && { default: usual }, others)
}

type Rest = Pick<z.output<typeof projectShape>, 'matrix' | 'registry'>

function present({ matrix, registry }: Rest): Pick<Project, 'matrix' | 'registry'> {
  return { ...(matrix !== undefined && { matrix }), ...(registry !== undefined && { registry }) }
}
