import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/strokes.mjs learns to read numbers of writers whom it has not seen', async () => {
  const { code, stdout, stderr } = await runExample('strokes.mjs', ['40', '8'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const wrong = [...stdout.matchAll(/^beam width \d: ([\d.]+) % of the digits wrong/gm)].map(([, share]) =>
    Number(share),
  )
  expect(wrong).toHaveLength(2)
  for (const share of wrong) expect(share).toBeLessThan(5)
  expect(stdout).toMatch(/^\d+ is read as \d+: \d at point \d+/m)
}, 120_000)
