/**
 * What is known of the ASWF's packages beyond names and versions: ranges that the projects' own
 * CMake files ask for, and incompatibilities that were met, each with where it was said.
 *
 * Source: `_project_cmake` and `compat_constraints_seen` of the data in test/data/aswf. Facts that
 * are no constraint on versions (ABI breaks, two LLVMs in one process, what compiles LLVM 13) have
 * no place in a recipe.
 */

/** A requirement that replaces the plain one on the same package where its condition holds. */
export interface Fact {
  readonly package: string
  readonly require: string
  readonly reason?: string
  /** A range of the package's own versions. */
  readonly version?: string
  readonly option?: Readonly<Record<string, string>>
}

/** Of the projects' main branches as of the 2026 images: earlier versions may ask for less. */
const cmake: readonly Fact[] = [
  { package: 'openexr', version: '>=3.4', require: 'imath >=3.1' },
  { package: 'opencolorio', version: '>=2.5', require: 'expat >=2.6.0' },
  { package: 'opencolorio', version: '>=2.5', require: 'yaml-cpp >=0.8.0' },
  { package: 'opencolorio', version: '>=2.5', require: 'pystring >=1.1.3' },
  { package: 'opencolorio', version: '>=2.5', require: 'imath >=3.1.1' },
  { package: 'opencolorio', version: '>=2.5', require: 'minizip-ng >=4.0.0' },
  { package: 'opencolorio', version: '>=2.5', require: 'openexr >=3.2.0' },
  { package: 'openimageio', version: '>=3.1.13', require: 'onetbb >=2017' },
  { package: 'osl', version: '>=1.15', require: 'imath >=3.1' },
  { package: 'osl', version: '>=1.15', require: 'openimageio >=3.0' },
  { package: 'osl', version: '>=1.15', require: 'pugixml >=1.8' },
  { package: 'osl', version: '>=1.15', require: 'clang >=14' },
  { package: 'openvdb', version: '>=13', require: 'onetbb >=2020.3' },
  { package: 'openvdb', version: '>=13', require: 'c-blosc >=1.17.0' },
  { package: 'openvdb', version: '>=13', require: 'boost >=1.82' },
  { package: 'openvdb', version: '>=13', require: 'imath >=3.2' },
]

const seen: readonly Fact[] = [
  {
    package: 'pyside',
    version: '6.8',
    require: 'clang <22',
    reason: 'PySide 6.8.3 fails with LLVM 22 (aswf-docker#436)',
  },
  {
    package: 'osl',
    option: { cuda: '13' },
    require: 'clang >=22',
    reason: 'OSL with CUDA 13 fails with LLVM 21 (aswf-docker#436, OpenShadingLanguage#2135)',
  },
  {
    package: 'openvdb',
    version: '<12.1.0',
    option: { ax: 'true' },
    require: 'clang <16',
    reason: 'AX cannot be built with LLVM 16 before OpenVDB 12.1.0 (aswf-docker#293)',
  },
  {
    package: 'openvdb',
    version: '>=12.1.0',
    option: { ax: 'true' },
    require: 'clang >=15',
  },
  {
    package: 'openvdb',
    option: { python: 'true' },
    require: '!clang 17',
    reason: 'LLVM 17 on Linux has symbol issues with the Python plugin (openvdb dependencies.txt)',
  },
  {
    package: 'openusd',
    version: '24.08',
    require: 'materialx >=1.39.1',
    reason: 'OpenUSD 24.08 needs MaterialX 1.39.1 (aswf-docker changelog 2025-10-24)',
  },
  {
    package: 'ceres-solver',
    require: 'eigen <5',
    reason: 'Eigen 5.0.x breaks ceres-solver (aswf-docker#432)',
  },
  {
    package: 'pyside',
    version: '6.5',
    require: 'cpython <3.12',
    reason: 'Qt 6.5 is incompatible with Python 3.12 (vfxplatform status 2024-08-18)',
  },
  {
    package: 'pyside',
    version: '6.8',
    require: 'cpython <3.14',
    reason: 'Qt and PySide 6.8 do not support Python 3.14 (CI working group 2026-04-22)',
  },
]

export const facts: readonly Fact[] = [...cmake, ...seen]

/** Options that facts speak of, as in backlot.yaml. */
export const options: Readonly<Record<string, readonly string[]>> = {
  osl: ['cuda: { default: none, values: [none, "12", "13"], summary: GPU rendering }'],
  openvdb: [
    'ax: { default: "false", summary: the AX expression language }',
    'python: { default: "false", summary: the Python plugin }',
  ],
}

/** Names that other packages of the field ask for. */
export const provides: Readonly<Record<string, readonly string[]>> = {
  cpython: ['python'],
  'libjpeg-turbo': ['jpeg 62.3'],
  onetbb: ['tbb'],
}

/** Versions outside the tables of the years: LLVMs that images offer, and what facts speak of. */
export const furtherVersions: Readonly<Record<string, readonly string[]>> = {
  clang: ['13.0.1', '15.0.7', '17.0.6', '20.1.7', '21.1.8', '22.1.7'],
  eigen: ['5.0.0'],
  cpython: ['3.12.11', '3.14.0'],
}

/** What the images are for; each year's environment holds them all. */
export const projects: readonly string[] = [
  'imath',
  'openexr',
  'opencolorio',
  'openimageio',
  'openvdb',
  'osl',
  'materialx',
  'opentimelineio',
  'rawtoaces',
  'openfx',
  'openusd',
]
