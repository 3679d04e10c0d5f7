/**
 * Small worlds that fail, written to be read.
 *
 * A line of a native world is `NAME VERSION…: REQUIREMENT (reason); REQUIREMENT`; each version has
 * a recipe. A line of a Rez world is `NAME VERSION…: REQUIREMENT; REQUIREMENT | VARIANT | VARIANT`.
 */
export interface Case {
  readonly title: string
  readonly world: readonly string[]
  readonly request: readonly string[]
  readonly platform?: string
}

const exr = [
  'imath 3.1.6 3.1.5 2.5.8',
  'openexr 3.1.5 3.1.4: imath >=3.1',
  'opencolorio 2.2.0 2.1.0: imath <3 (its namespace)',
  'openimageio 2.4.5 2.3.1: openexr; opencolorio >=2',
]

const years = [
  'cpython 3.13.1 3.11.9 3.10.14 3.9.19',
  'qt 6.5.6 5.15.14',
  'pyside 6.5.6: qt 6.5 (its own release); cpython >=3.9,<3.12 (Qt 6.5 knows no later one)',
  'usdview 25.5: pyside; openusd 25.5 (one release)',
  'openusd 25.5 24.8: imath >=3.1; cpython >=3.9',
  'imath 3.2.1 3.1.12',
]

/** The plain ways to fail. */
const plain: readonly Case[] = [
  { title: 'two demands on one package', world: exr, request: ['openexr', 'imath 2'] },
  { title: 'a clash further down', world: exr, request: ['openimageio'] },
  { title: 'an impossible range', world: exr, request: ['imath 9'] },
  {
    title: 'an impossible range among many versions',
    world: ['openusd 25.11 25.8 25.5 25.2 24.11 24.8 24.5 24.3 23.11 23.8 23.5 23.2'],
    request: ['openusd 24.4'],
  },
  { title: 'a misspelt package', world: exr, request: ['imaht >=3'] },
  { title: 'two misspelt packages', world: exr, request: ['openxr', 'imaht'] },
  { title: 'a package that is nothing like any', world: exr, request: ['openexr', 'houdini'] },
  {
    title: 'a recipe that needs an unknown package',
    world: ['viewer 1.0: zlbi', 'zlib 1.3'],
    request: ['viewer'],
  },
  {
    title: 'only the newest version needs an unknown package, the others something too old',
    world: ['viewer 2.0: zlbi', 'viewer 1.1 1.0: zlib <1 (an old interface)', 'zlib 1.3'],
    request: ['viewer'],
  },
  {
    title: 'a chain of six packages',
    world: [
      'moonray 1.7: scene_rdl2 >=1',
      'scene_rdl2 1.2 1.1: openvdb >=11',
      'openvdb 12.0 11.0: openexr >=3',
      'openexr 3.2.4 3.1.5: imath >=3.1',
      'imath 3.1.12 3.1.9: libdeflate <1.19 (it changed a name)',
      'libdeflate 1.22 1.19 1.18',
    ],
    request: ['moonray', 'libdeflate >=1.19'],
  },
  {
    title: 'consecutive versions are merged',
    world: [
      'openusd 24.3 23.11 23.8 23.5: boost >=1.76,<1.81 (Boost.Python)',
      'openusd 23.2 22.11: boost 1.70 (Boost.Python)',
      'boost 1.85.0 1.82.0 1.80.0 1.76.0 1.70.0',
      'openvdb 11.0: boost >=1.82',
    ],
    request: ['openusd', 'openvdb'],
  },
  {
    title: 'every version has a pin of its own',
    world: [
      'openimageio 2.5.9: fmt ==10.2.1 (vendored headers)',
      'openimageio 2.5.7: fmt ==10.1.1 (vendored headers)',
      'openimageio 2.5.5: fmt ==10.1.0 (vendored headers)',
      'openimageio 2.5.4: fmt ==10.0.0 (vendored headers)',
      'openimageio 2.4.17: fmt ==9.1.0 (vendored headers)',
      'fmt 11.0.2 10.2.1 10.1.1 10.1.0 10.0.0 9.1.0',
    ],
    request: ['openimageio', 'fmt 11'],
  },
  {
    title: 'ranges that meet where no version is',
    world: [
      'onetbb 2022.0 2021.13 2020.3',
      'osl 1.14: onetbb >=2021.1',
      'openvdb 9.1: onetbb <2021.12 (task_scheduler_init)',
    ],
    request: ['osl', 'openvdb'],
  },
]

/** Alternatives, elimination, steps that are used again. */
const derived: readonly Case[] = [
  {
    title: 'each version fails for another reason',
    world: [
      'maya 2025: cpython 3.11 (shipped with it)',
      'maya 2024: qt 5.15 (shipped with it)',
      'cpython 3.11.9 3.10.14',
      'qt 6.5.6 5.15.14',
    ],
    request: ['cpython 3.10', 'qt 6', 'maya'],
  },
  {
    title: 'what is left of one package decides about others',
    world: [
      'cpython 3.11.9 3.10.14 3.9.19',
      'maya 2024: cpython >=3.10',
      'nuke 14: cpython <3.11 (shipped with it)',
      'pyside 5.15: cpython 3.9 (no later wheel)',
      'pyside 6.5: cpython 3.11 (no other wheel)',
    ],
    request: ['maya', 'nuke', 'pyside'],
  },
  {
    title: 'what is left of a package is used twice',
    world: [
      'cpython 3.11.9 3.10.14 3.9.19',
      'maya 2024: cpython >=3.10',
      'nuke 14: cpython <3.11 (shipped with it)',
      'pyside 2.0: cpython !=3.10.14 (a crash)',
      'pyside 1.0: shiboken 1.0 (one release)',
      'shiboken 1.0: cpython !=3.10.14 (a crash)',
    ],
    request: ['maya', 'nuke', 'pyside'],
  },
  {
    title: 'both choices have to be tried',
    world: [
      'renderer 2.0: llvm 17 (tested with it); clang 17 (tested with it)',
      'renderer 1.0: llvm 16 (tested with it); clang 16 (tested with it)',
      'llvm 17.0: !clang 17',
      'llvm 16.0: !clang 16',
      'clang 17.0 16.0',
    ],
    request: ['renderer'],
  },
  {
    title: 'two separate causes',
    world: [
      ...exr,
      'blosc 1.21: zlib <1.3 (an old build)',
      'zlib 1.3.1 1.2.13',
      'openvdb 11.0: blosc',
    ],
    request: ['openexr', 'imath 2', 'openvdb', 'zlib >=1.3'],
  },
  {
    title: 'three separate causes, one of them a name',
    world: [...exr, 'zlib 1.3.1 1.2.13', 'blosc 1.21: zlib <1.3 (an old build)'],
    request: ['opencolorio', 'imath 3', 'blosc', 'zlib 1.3', 'opnevdb'],
  },
  {
    title: 'two changes are needed for one cause',
    world: [
      'app 1.0: left; right',
      'left 1.0: base 1 (old)',
      'right 1.0: base 2 (new); extra 2 (new)',
      'base 2.0 1.0',
      'extra 2.0 1.0',
      'helper 1.0: extra 1 (old)',
    ],
    request: ['app', 'helper', 'extra'],
  },
  {
    title: 'a package that needs another version of itself further down',
    world: ['gtest 1.15: abseil', 'abseil 2024: gtest 1.14 (its tests)', 'gtest 1.14'],
    request: ['gtest 1.15'],
  },
]

/** Weak and conflict demands, options, the machine, platforms. */
const kinds: readonly Case[] = [
  { title: 'a conflict of the request', world: exr, request: ['openexr', '!imath'] },
  {
    title: 'a conflict of a recipe',
    world: [
      'openvdb 12.1: !openexr 2',
      'openexr 3.2.4 2.5.8',
      'alembic 1.7: openexr <3 (an old API)',
    ],
    request: ['openvdb', 'alembic'],
  },
  {
    title: 'a weak demand of a recipe',
    world: [
      'numpy 2.1.0 1.26.4',
      'openexr 3.3.2: ~numpy <2 (its bindings)',
      'scipy 1.15: numpy >=2',
    ],
    request: ['openexr', 'scipy'],
  },
  {
    title: 'a weak demand of the request',
    world: ['numpy 2.1.0 1.26.4', 'scipy 1.15: numpy >=2'],
    request: ['scipy', '~numpy <2'],
  },
  {
    title: 'a platform against the request',
    world: exr,
    request: ['imath 2'],
    platform: 'CY2023',
  },
  {
    title: 'a platform against a recipe',
    world: ['imath 3.2.1 3.1.12', 'openexr 3.4.0: imath >=3.2'],
    request: ['openexr'],
    platform: 'CY2024',
  },
  {
    title: 'a platform against two recipes, each for its own reason',
    world: [
      'imath 3.2.1 3.1.12',
      'openexr 3.4.0: imath >=3.2',
      'cpython 3.13.1 3.11.9',
      'osl 1.15: cpython >=3.12',
    ],
    request: ['openexr', 'osl'],
    platform: 'CY2024',
  },
  {
    title: 'a machine with a C library that is too old',
    world: ['houdini 21.0: __glibc >=2.34'],
    request: ['houdini'],
  },
  {
    title: 'a machine without a GPU driver',
    world: ['optix 8.1: __cuda >=12', 'osl 1.14: optix'],
    request: ['osl'],
  },
  {
    title: 'a system package that is not installed',
    world: ['x11 system: apt install libx11-dev', 'glfw 3.4: x11'],
    request: ['glfw'],
  },
  {
    title: 'a system package that is too old',
    world: ['x11 system 1.6', 'glfw 3.4: x11 >=1.8'],
    request: ['glfw'],
  },
  {
    title: 'an option that does not exist',
    world: exr,
    request: ['openexr[python]'],
  },
  {
    title: 'options that contradict each other',
    world: [
      'openexr 3.3.2 [threads]',
      'viewer 1.0: openexr[threads=false]',
      'renderer 1.0: openexr[threads=true]',
    ],
    request: ['viewer', 'renderer'],
  },
  {
    title: 'only pre-releases fit',
    world: ['openusd 26.2-rc1 25.11 25.8'],
    request: ['openusd >=26'],
  },
  {
    title: 'a virtual name that a recipe cannot have',
    world: ['tool 1.0: __linux >=6.8'],
    request: ['tool'],
  },
]

/** What the ASWF's maintainers ran into, as recipes with constraints. */
const aswf: readonly Case[] = [
  {
    title: 'PySide 6.8 and OSL with CUDA 13 want different LLVM',
    world: [
      'llvm 22.0 21.1',
      'pyside 6.8.3: llvm 21 (fails with 22)',
      'osl 1.15: cuda 13 (its OptiX); llvm 22 (21 fails with CUDA 13)',
      'cuda 13.3',
    ],
    request: ['pyside 6.8', 'osl'],
  },
  {
    title: 'clang 21 does not build against CUDA 13.3',
    world: ['clang 22.0 21.0: ', 'cuda 13.3.0: !clang 21', 'osl 1.15: cuda 13 (its OptiX)'],
    request: ['osl', 'clang 21.0'],
  },
  {
    title: 'Moonray with two LLVM runtimes',
    world: [
      'llvm 22.0 21.1',
      'clang 21.1: llvm 21 (one release)',
      'clang 22.0: llvm 22 (one release)',
      'ispc 1.28: llvm 22 (links libLLVM.so)',
      'moonray 2.0: ispc; clang',
    ],
    request: ['moonray', 'clang 21.1'],
  },
  {
    title: 'openusd and pyside pull different clang',
    world: [
      'llvm 21.1 20.1',
      'clang 21.1: llvm 21 (one release)',
      'clang 20.1: llvm 20 (one release)',
      'pyside 6.8.3: llvm 21 (shiboken links it)',
      'osl 1.14: clang 20 (its bitcode)',
      'openusd 25.5: pyside; osl',
    ],
    request: ['openusd'],
  },
  {
    title: 'OpenVDB AX before 12.1 and LLVM 16',
    world: [
      'openvdb 12.0 11.0 10.0: llvm <16 (AX uses typed pointers)',
      'openvdb 12.1: llvm',
      'llvm 17.0 16.0 15.0',
    ],
    request: ['openvdb <12.1', 'llvm >=16'],
  },
  {
    title: 'the OpenVDB Python plugin and LLVM 17 on Linux',
    world: ['openvdb 11.0: !llvm 17', 'llvm 17.0 16.0', 'osl 1.13: llvm >=17'],
    request: ['openvdb', 'osl'],
  },
  {
    title: 'LLVM 13 and gcc 9',
    world: ['llvm 13.0: !gcc 9', 'gcc 11.2 9.3', 'osl 1.12: llvm 13 (tested with it)'],
    request: ['osl', 'gcc 9'],
  },
  {
    title: 'OpenUSD 24.08 and MaterialX',
    world: ['openusd 24.8: materialx >=1.39.1', 'materialx 1.39.1 1.38.10'],
    request: ['openusd 24.8', 'materialx 1.38'],
  },
  {
    title: 'OpenColorIO 2.5.1 is not ABI compatible with 2.5.0',
    world: [
      'opencolorio 2.5.1 2.5.0',
      'openimageio 3.1: opencolorio ==2.5.0 (built against it)',
      'osl 1.15: opencolorio >=2.5.1',
    ],
    request: ['openimageio', 'osl'],
  },
  {
    title: 'Eigen 5 breaks ceres-solver',
    world: [
      'eigen 5.0.1 5.0.0 3.4.0',
      'ceres-solver 2.2.0: eigen <5 (5.0 breaks it)',
      'opensubdiv 4.0: eigen >=5',
    ],
    request: ['ceres-solver', 'opensubdiv'],
  },
  {
    title: 'current OSL in the 2023 images',
    world: ['openimageio 3.0.1 2.4.17', 'osl 1.14 1.13: openimageio >=2.5'],
    request: ['osl', 'openimageio 2.4'],
  },
  {
    title: 'an OCIO with apps and an OIIO that links the old OCIO',
    world: [
      'opencolorio 2.5.0[apps] : openimageio',
      'opencolorio 2.4.2',
      'openimageio 3.0: opencolorio 2.4 (links it)',
    ],
    request: ['opencolorio 2.5'],
  },
  {
    title: 'Qt 6.5 and Python 3.12',
    world: years,
    request: ['usdview', 'cpython >=3.12'],
  },
  {
    title: 'PySide 6.8 and Python 3.14',
    world: ['pyside 6.8.3: cpython <3.14 (no wheel)', 'cpython 3.14.0 3.13.1'],
    request: ['pyside 6.8', 'cpython 3.14'],
  },
]

/** Where one change, or two, are not enough. */
const many: readonly Case[] = [
  {
    title: 'three limits of the request stand in the way of one package',
    world: [
      'openimageio 3.0: imath >=3.1; openexr >=3.2; opencolorio >=2.4',
      'imath 3.1.12 2.5.8',
      'openexr 3.2.4 2.5.8',
      'opencolorio 2.4.2 2.2.0',
    ],
    request: ['openimageio', '~imath <3', '~openexr <3', '~opencolorio <2.3'],
  },
  {
    title: 'a platform is too old in four ways',
    world: [
      'openusd 26.2: imath >=3.2; onetbb >=2022; cpython >=3.12; openvdb >=12',
      'imath 3.2.1 3.1.12',
      'onetbb 2022.0 2020.3',
      'cpython 3.13.1 3.9.19',
      'openvdb 12.0 9.1',
    ],
    request: ['openusd'],
    platform: 'CY2022',
  },
]

export const nativeCases: readonly Case[] = [...plain, ...derived, ...kinds, ...aswf, ...many]

const studio = [
  'python 3.11.9 3.10.14 3.9.19',
  'maya 2025.1: python-3.11',
  'maya 2024.2 2024.1: python-3.10',
  'usd 24.8 24.5: | python-3.11 | python-3.10',
  'usd 23.5: python-3.9',
  'arnold 7.3: usd-24; maya-2024+',
  'houdini 20.5: python-3.11; usd-24.8',
]

export const rezCases: readonly Case[] = [
  { title: 'two applications, two Pythons', world: studio, request: ['maya-2024', 'houdini'] },
  { title: 'an unknown family', world: studio, request: ['maya', 'houdni-20'] },
  { title: 'a version that is not there', world: studio, request: ['usd-22', 'maya'] },
  { title: 'requests that clash', world: studio, request: ['python-3.9', 'python-3.10+'] },
  { title: 'a variant for no Python', world: studio, request: ['usd-24', 'python-3.9'] },
  { title: 'a chain to an old USD', world: studio, request: ['arnold', 'usd-23'] },
  {
    title: 'a family that only one version needs',
    world: ['tool 2: missing_lib', 'tool 1: python', 'python 3.11.9'],
    request: ['tool'],
  },
  {
    title: 'a family that is nowhere, without another way',
    world: ['app 1: tool-2', 'tool 2 1: missing_lib', 'python 3.11.9'],
    request: ['app', 'python'],
  },
  {
    title: 'a circle, and a version without one',
    world: ['rig 3: anim-3', 'anim 3: rig-3', 'rig 2: anim-2', 'anim 2'],
    request: ['rig'],
  },
  {
    title: 'a circle that is asked for',
    world: ['rig 3: anim-3', 'anim 3: rig-3', 'rig 2: anim-2', 'anim 2'],
    request: ['rig-3'],
  },
  {
    title: 'ephemerals that exclude each other',
    world: ['shotgun 2: .proxy-1', 'farm 1: .proxy-2+'],
    request: ['shotgun', 'farm'],
  },
  {
    title: 'a weak requirement',
    world: ['python 3.11.9 3.10.14', 'maya 2024: python-3.10', 'pipe 1: ~python-3.11'],
    request: ['maya', 'pipe'],
  },
  {
    title: 'an unknown family, and a clash beside it',
    world: studio,
    request: ['maya-2024', 'houdini', 'pytohn'],
  },
  {
    title: 'three packages that are excluded',
    world: ['pipe 1: aces-2; ocio-2; lut-2', 'aces 2 1', 'ocio 2 1', 'lut 2 1'],
    request: ['pipe', '!aces-2', '!ocio-2', '!lut-2'],
  },
]
