import { describe, expect, test } from 'bun:test'
import { detectHost, levelOf } from './host.ts'

const path = process.env['PATH'] ?? ''

describe('detectHost', () => {
  test('overrides replace, add and remove facts, and the answer is sorted', async () => {
    const env = {
      PATH: path,
      BACKLOT_OVERRIDE_GLIBC: '2.17',
      BACKLOT_OVERRIDE_CUDA: '12.4',
      BACKLOT_OVERRIDE_ARCHSPEC: '3',
      BACKLOT_OVERRIDE_LINUX: '',
    }
    const facts = await detectHost({ env })
    const named = facts.map((fact) => `${fact.name} ${fact.version.text}`)
    expect(named.filter((text) => !/^__(?:macos|windows)/.test(text))).toEqual([
      '__archspec 3',
      '__cuda 12.4',
      '__glibc 2.17',
    ])
  })

  test('an override that is no version is an error', () => {
    const env = { BACKLOT_OVERRIDE_GLIBC: 'not a version' }
    const outcome = detectHost({ env }).catch((error: unknown) => String(error))
    return outcome.then((said) =>
      expect(said).toContain("BACKLOT_OVERRIDE_GLIBC is 'not a version'"),
    )
  })

  test.if(process.platform === 'linux')('on Linux the kernel and the C library agree', async () => {
    const facts = await detectHost({ env: { PATH: path } })
    const version = (name: string) => facts.find((fact) => fact.name === name)?.version.text
    const kernel = Bun.spawnSync(['uname', '-r']).stdout.toString().trim()
    expect(kernel).toStartWith(version('__linux') ?? 'none')
    const libc = Bun.spawnSync(['getconf', 'GNU_LIBC_VERSION']).stdout.toString().trim()
    expect(libc).toBe(`glibc ${version('__glibc')}`)
  })
})

const v2 = 'cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3'
const v3 = `${v2} abm avx avx2 bmi1 bmi2 f16c fma movbe xsave`

test.each([
  ['', '1'],
  ['sse sse2 fpu', '1'],
  [v2, '2'],
  [v3, '3'],
  [v3.replace('avx2', ''), '2'],
  [`${v3} avx512bw avx512cd avx512dq avx512f avx512vl`, '4'],
  ['avx512bw avx512cd avx512dq avx512f avx512vl', '1'],
])('a processor with %p is of level %p', (flags, level) => {
  expect(levelOf(` ${flags} `)).toBe(level)
})
