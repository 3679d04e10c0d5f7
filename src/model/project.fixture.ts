/**
 * A backlot.yaml that uses every key, for tests.
 */
export const fullProject = `# every key once
package:
  name: openexr
  summary: EXR images
  homepage: https://openexr.com
  license: BSD-3-Clause
  versions:
    - version: 3.1.5
      source:
        url: https://example.org/a/v3.1.5.tar.gz
        sha256: ${'ea'.repeat(32)}
        deb-src: openexr
      patches: [patches/x.patch, { path: p/y.patch, strip: 0, when: { target: macos } }]
      epoch: 2022-10-14
    - version: 3.10
      source:
        - { git: "https://example.org/a.git", commit: ${'0'.repeat(40)}, submodules: true }
        - { pypi: numpy, version: 1.26.0, sha256: ${'AB'.repeat(32)}, into: third/numpy, strip: 2 }
        - { path: ../src }
  options:
    python: { default: false, summary: bindings }
    simd: { default: sse4, values: [sse4, avx2] }
    threads: true
  requires:
    - imath >=3.1
    - { require: "libdeflate >=1.14,<2", reason: 2 has another API, when: { version: ">=3.1" } }
    - { require: pybind11 >=2.10, when: { option: { python: true }, target: [linux, macos-arm64] } }
    - { require: "!ilmbase", reason: imath has its files }
  build-requires: ["cmake >=3.20"]
  build:
    steps:
      - cmake:
          preset: release
          components: [Runtime, Development]
          definitions:
            BUILD_TESTING: "OFF"
            PYTHON: [{ value: "ON", when: { option: { python: true } } }, { value: "OFF" }]
      - make: { configure: [./configure], targets: [all] }
        when: { target: macos }
      - python: { source: python }
        when: { option: { python: true } }
      - script: |
          echo done
      - make:
        when: { target: windows }
    environment:
      CXXFLAGS: -O2
      EMPTY:
  exports:
    cmake: [{ package: OpenEXR, version: "3.1", targets: [OpenEXR::OpenEXR] }]
    pkg-config: [OpenEXR]
    programs: [{ name: exrheader, args: [-h] }, { name: exrpy, when: { option: { python: true } } }]
    python: [{ name: OpenEXR, when: { option: { python: true } } }]
  tests:
    - exrheader -h
environment:
  platform: CY2023
  packages: [openexr 3.1, "imath[python=true]"]
  variables: { A: "1" }
  targets: linux-x86_64
environments:
  next: { packages: [openexr] }
matrix: { anything: [goes] }
recipes: [recipes, ../more]
registry: 127.0.0.1:5000/vfx
mirrors: [deb-src, { folder: /srv/mirror }, { http: "http://127.0.0.1:8080/" }]
`
