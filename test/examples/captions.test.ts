import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

it('examples/caption-digits.mjs begins to describe pictures of two digits', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
  try {
    const picture = join(folder, 'attention.svg')
    const { code, stdout, stderr } = await runExample('caption-digits.mjs', ['800', '3', '1', picture])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const losses = [...stdout.matchAll(/ validation loss ([\d.]+)/g)].map(([, loss]) => Number(loss))
    expect(losses).toHaveLength(3)
    expect(losses[2]).toBeLessThan(1.3)
    expect(stdout).toMatch(/^[\d.]+ % of 800 captions of the test part's digits are exactly right$/m)
    expect(stdout).toMatch(/^[\d.]+ % of \d+ times the attention's peak lies on the digit being named$/m)
    expect(stdout.match(/^an? \w+ (left of|right of|above|below) an? \w+ → a/gm)).toHaveLength(5)
    expect(readFileSync(picture, 'utf8').match(/<use /g)?.length).toBeGreaterThanOrEqual(5)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)

it('examples/caption-emoji.mjs begins to describe emoji', async () => {
  const { code, stdout, stderr } = await runExample('caption-emoji.mjs', ['12', '4'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^\d+ pictures to train on, \d+ held out\nepoch 1\/4 /)
  const losses = [...stdout.matchAll(/ loss ([\d.]+)/g)].map(([, loss]) => Number(loss))
  expect(losses).toHaveLength(4)
  expect(losses[3]).toBeLessThan(0.7 * (losses[0] as number))
  expect(stdout).toMatch(
    /^[\d.]+ % of \d+ captions are exactly right, [\d.]+ % name the emoji, [\d.]+ % its skin tone$/m,
  )
  expect(stdout.match(/ with .* skin → /g)?.length).toBeGreaterThanOrEqual(5)
}, 120_000)
