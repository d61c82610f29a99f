import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/pretraining.mjs trains with and without an encoder', async () => {
  const { code, stdout, stderr } = await runExample('pretraining.mjs', ['20', '200', '2'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.match(/^epoch \d\/2: perplexity [\d.]+/gm)).toHaveLength(2)
  const found = [...stdout.matchAll(/^(alone|with the encoder): ([\d.]+) % right/gm)]
  expect(found.map(([, name]) => name)).toEqual(['alone', 'with the encoder'])
}, 120_000)
