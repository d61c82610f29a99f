import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/pronounce.mjs begins to pronounce from a few words', async () => {
  const { code, stdout, stderr } = await runExample('pronounce.mjs', ['60', '5'])
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/^2101 words: \d+ pronunciations to train on, \d+ held out\nepoch 1\/5 /)
  const losses = [...stdout.matchAll(/ validation loss ([\d.]+)/g)].map(([, loss]) => Number(loss))
  expect(losses).toHaveLength(5)
  expect(losses[4]).toBeLessThan(0.95 * (losses[0] as number))
  expect(stdout).toMatch(/greedy: phoneme error rate [\d.]+ %, [\d.]+ % of \d+ words right\nbeam of 5: phoneme/)
  expect(stdout).toMatch(/seqloom → [A-Z ]+\n/)
}, 120_000)
