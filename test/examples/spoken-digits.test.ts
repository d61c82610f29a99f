import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

const installed = spawnSync('espeak-ng', ['--version']).status === 0
if (!installed) console.warn('SKIPPED: there is no espeak-ng, so examples/spoken-digits.mjs is not run')

it.skipIf(!installed)(
  'examples/spoken-digits.mjs learns to write down numbers of voices that it has not heard',
  async () => {
    const { code, stdout, stderr } = await runExample('spoken-digits.mjs', ['15', '10'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const wrong = [...stdout.matchAll(/^beam width \d: ([\d.]+) % of the digits wrong/gm)].map(([, share]) =>
      Number(share),
    )
    expect(wrong).toHaveLength(2)
    for (const share of wrong) expect(share).toBeLessThan(10)
    expect(stdout).toMatch(/^\d+ is heard as \d+: \d at \d\.\d\d s/m)
  },
  300_000,
)

it('examples/spoken-digits.mjs says what to install where there is no synthesiser', async () => {
  const { code, stdout, stderr } = await runExample('spoken-digits.mjs', [], { env: { PATH: '' } })
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toMatch(/^SKIPPED: there is no espeak-ng; install it with apt-get install espeak-ng/)
})
