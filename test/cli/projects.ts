/**
 * Small projects with recipes of their own, which need neither a network nor a compiler.
 */

/** A recipe whose build writes one program, or does what the script says. */
export function recipe(
  name: string,
  versions: readonly string[],
  options: { readonly requires?: readonly string[]; readonly script?: string } = {},
): string {
  const { requires = [], script = programScript(name) } = options
  return [
    'package:',
    `  name: ${name}`,
    `  summary: The ${name} library`,
    '  license: BSD-3-Clause',
    '  versions:',
    ...versions.map((version) => `    - { version: ${version}, source: [{ path: src }] }`),
    ...(requires.length === 0 ? [] : ['  requires:']),
    ...requires.map((text) => `    - { require: "${text}", reason: tested with nothing else }`),
    '  build:',
    '    steps:',
    '      - script: |',
    ...script.split('\n').map((line) => `          ${line}`),
    '',
  ].join('\n')
}

/** Installs a program of that name, which says what it was told. */
export function programScript(name: string): string {
  return [
    'mkdir -p "$DESTDIR$PREFIX/bin"',
    `printf '#!/bin/sh\\necho "${name} says $*"\\n' > "$DESTDIR$PREFIX/bin/${name}"`,
    `chmod +x "$DESTDIR$PREFIX/bin/${name}"`,
  ].join('\n')
}

/** `beta` needs `alpha` below 2; `gamma` needs what does not exist. */
export const greek: Readonly<Record<string, string>> = {
  'backlot.yaml': `environment:
  packages:
    - beta
recipes: [recipes]
`,
  'recipes/alpha/backlot.yaml': recipe('alpha', ['2.0', '1.1', '1.0']),
  'recipes/alpha/src/LICENSE': 'BSD\n',
  'recipes/beta/backlot.yaml': recipe('beta', ['0.2'], { requires: ['alpha >=1,<2'] }),
  'recipes/beta/src/LICENSE': 'BSD\n',
  'recipes/gamma/backlot.yaml': recipe('gamma', ['1'], { requires: ['alpha ==3'] }),
  'recipes/gamma/src/LICENSE': 'BSD\n',
}
