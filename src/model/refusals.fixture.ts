/**
 * Texts that are refused as backlot.yaml, each with a part of the complaint, for tests.
 *
 * `misshapen` is what the JSON Schema refuses too; `meaningless` has the right shape, and only
 * Backlot knows better; `unreadable` is not even YAML as we take it.
 */
type Refused = readonly (readonly [text: string, why: string])[]

/** A recipe that is taken. */
export const base = `package:
  name: imath
  license: BSD-3-Clause
  versions: [{ version: 3.1.6, source: { path: src } }]
  build: { steps: [{ script: make }] }
`

export const unreadable: Refused = [
  ['', 'has no keys'],
  ['- a', 'not a mapping'],
  ['hello', 'not a mapping'],
  ['a: [1\n', '2:1: Flow sequence'],
  ['package:\n\t- x', 'Tabs are not allowed'],
  ['recipes: &x [a]\nregistry: *x', 'aliases'],
  ['matrix: !!python/object x', 'tags'],
  ['matrix: { <<: { a: 1 }, <<: { b: 2 } }', "key '<<' is here twice"],
  ['registry: a\nregistry: b', "2:1: key 'registry' is here twice"],
  ['? [a]\n: 1', 'keys must be strings'],
  ['registry: a\n---\nregistry: b', 'a second document'],
  [`matrix: ${'['.repeat(5000)}`, 'nest too deep'],
  [`matrix: ${'['.repeat(60)}${']'.repeat(60)}`, 'nest deeper than 40'],
  ['- '.repeat(50_000), 'nest too deep'],
  [`matrix: ${'x'.repeat(1_100_000)}`, 'larger than'],
  ['__proto__: 1', "unknown key '__proto__'"],
]

export const misshapen: Refused = [
  ['environment: { packages: imath }', "wants a list, and this is 'imath'"],
  ['environment: { variables: { A-B: 1 } }', "'A-B' is not a name of a variable"],
  ['environments: { A: { } }', "'A' is not a name of an environment"],
  ['mirrors: [debsrc]', "(did you mean 'deb-src'?)"],
  [`${base}  kind: systm`, "(did you mean 'system'?)"],
  [base.replace('path: src', 'url: "https://a/b", sha265: 1'), "did you mean 'sha256'"],
  [base.replace('path: src', 'url: "https://a/b"'), "'sha256' is missing"],
  [base.replace('path: src', 'url: "file:///etc"'), 'is not an http or https URL'],
  [base.replace('path: src', 'git: "--upload-pack=x", commit: 1'), 'is not a URL of a git'],
  [base.replace('script:', 'scrpt:'), "did you mean 'script'"],
  [base.replace('steps: [{ script: make }]', 'steps: []'), 'has no step'],
  [base.replace('script: make', 'cmake: { preset: --help }'), 'is not a name of a preset'],
  [base.replace('script: make', 'cmake: { presets: [a] }'), "did you mean 'preset'"],
  [base.replace('script: make', 'cmake: { components: [-x] }'), 'is not a component of CMake'],
]

export const meaningless: Refused = [
  [
    base.replace('path: src', `url: "http://h:99999/a", sha256: ${'0'.repeat(64)}`),
    "url' is not a URL",
  ],
  ['environment: { packages: [Imath] }', "Did you mean 'imath'"],
  ['environment: { packages: [imath ^3] }', 'write both bounds'],
  ['environment: { platform: CY2o23 }', "Did you mean 'CY2023'"],
  ['environment: { targets: [linux-x86] }', "Did you mean 'linux-x86_64'"],
  ['environment: {}\nenvironments: { default: {} }', 'is described twice'],
  ['package: { name: x }', "needs 'versions', which is missing"],
  ['package: { name: __glibc, kind: system }', 'a fact about a host'],
  [`${base}  kind: system`, "has no 'versions'"],
  ['package: { name: x, kind: system, system: { detect: [] } }', 'lists no probe'],
  [
    'package: { name: x, kind: system, system: { detect: [{ program: [], pattern: (1) }] } }',
    'lists no program',
  ],
  [base.replace('3.1.6', '3.1/6'), 'is not a version'],
  [base.replace('[{', '[{ version: 3-1-6, source: { path: a } }, {'), 'is listed twice'],
  [base.replace('path: src', 'path: /src'), 'is not a relative path'],
  [`${base}  requires: [{ require: a, when: { option: { x: true } } }]`, 'is not declared'],
  [`${base}  options: { x: maybe }`, 'neither true nor false'],
  [`${base}  options: { x: { default: a, values: [b] } }`, "'a' is not one of its values"],
  [`${base}  requires: [{ require: a, when: { target: linx } }]`, "did you mean 'linux'"],
  [
    `${base}  options: { x: true }\n  tests: [{ script: a, when: { option: { x: 3 } } }]`,
    "'x' is never '3'",
  ],
  [base.replace('path: src }', 'path: src }, patches: [../../etc/passwd]'), 'inside the folder'],
]
