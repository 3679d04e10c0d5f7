/**
 * Changing backlot.yaml as text: a requirement in, a requirement out, comments and order kept.
 *
 * Invariant: what is not edited keeps its bytes as far as YAML allows; the caller checks the
 * result by parsing it as a project before anything is written.
 */
import { type Document, isSeq, isScalar, parseDocument, type YAMLSeq } from 'yaml'
import { AppError } from '#kernel/index.ts'
import { parseRequirement } from '#model/index.ts'

/** The path of an environment's list of packages within backlot.yaml. */
function packagesPath(document: Document, environment: string): readonly string[] {
  const named = environment !== 'default' || document.hasIn(['environments', 'default'])
  return named ? ['environments', environment, 'packages'] : ['environment', 'packages']
}

function packagesOf(document: Document, environment: string): YAMLSeq {
  const path = packagesPath(document, environment)
  const found = document.getIn(path)
  if (isSeq(found)) return found
  document.setIn(path, document.createNode([]))
  const made = document.getIn(path)
  if (isSeq(made)) return made
  throw new AppError('cli/no-environment', `${path.join('.')} in backlot.yaml is not a list`)
}

function nameOf(item: unknown): string | undefined {
  const text = isScalar(item) ? item.value : item
  return typeof text === 'string' ? parseRequirement(text).name : undefined
}

/** The text with requirements added; one of the same name is replaced where it stands. */
export function withRequirements(
  text: string,
  environment: string,
  requirements: readonly string[],
): string {
  const document = parseDocument(text, { schema: 'failsafe' })
  const packages = packagesOf(document, environment)
  for (const requirement of requirements) {
    const { name } = parseRequirement(requirement)
    const at = packages.items.findIndex((item) => nameOf(item) === name)
    if (at === -1) packages.add(document.createNode(requirement))
    else packages.set(at, document.createNode(requirement))
  }
  packages.flow = false
  return document.toString({ lineWidth: 0 })
}

/** The text without these packages. @throws AppError `cli/not-in-environment` */
export function withoutRequirements(
  text: string,
  environment: string,
  names: readonly string[],
): string {
  const document = parseDocument(text, { schema: 'failsafe' })
  const packages = packagesOf(document, environment)
  for (const name of names) {
    const at = packages.items.findIndex((item) => nameOf(item) === name)
    if (at === -1)
      throw new AppError('cli/not-in-environment', `'${name}' is not asked for in backlot.yaml`, {
        hints: ['`backlot why NAME` tells what brings a package in.'],
      })
    packages.delete(at)
  }
  if (packages.items.length === 0) packages.flow = true
  return document.toString({ lineWidth: 0 })
}
