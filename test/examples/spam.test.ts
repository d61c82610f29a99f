import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('examples/spam.mjs learns from a tenth of the mails', () => {
  const program = fileURLToPath(new URL('../../examples/spam.mjs', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '10'], { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const accuracy = Number(/accuracy on the held-out mails: ([\d.]+) %/.exec(stdout)?.[1])
  expect(accuracy).toBeGreaterThan(75)
  expect(stdout).toMatch(/→ (spam|ham) \(\d+\.\d %\)/)
}, 120_000)
