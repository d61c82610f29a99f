import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layers, loadModel, sequential, tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-quantize-'))
const path = (name: string) => join(folder, name)
afterAll(() => rmSync(folder, { recursive: true }))

describe('seqloom quantize', () => {
  it('writes a model with int8 weights, and replaces nothing without --force', async () => {
    const m = sequential([layers.lstm({ units: 96, inputShape: [null, 64] }), layers.dense({ units: 3 })], { seed: 1 })
    await m.save(path('model'))
    const ran = await seqloom(['quantize', path('model'), path('small'), '--json'])
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    const facts = JSON.parse(ran.stdout)
    expect(facts).toMatchObject({ parameters: m.countParams(), int8: 4 * 96 * (64 + 96) + 96 * 3 })
    expect(facts.to.bytes / facts.from.bytes).toBeLessThan(0.3)
    expect((await loadModel(path('small'))).quantization).toBe('int8')
    expect((await seqloom(['summary', '--model', path('small')])).stdout).toContain('Params stored as int8: 61,728')
    const again = await seqloom(['quantize', path('model'), path('small')])
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/small.*exists; --force replaces it/) })
    const forced = await seqloom(['quantize', path('model'), path('small'), '--force'])
    expect(forced.stdout).toMatch(/^61,728 of 62,115 parameters are int8 now$/m)
    const missing = await seqloom(['quantize', path('nothing'), path('other')])
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing') })
  })

  it('keeps what belongs to a task', async () => {
    const generator = new tasks.TextGenerator({ tokens: 'character', units: 48, embedding: 32, seed: 2 })
    await generator.train('to be or not to be, that is the question. '.repeat(30), { epochs: 1 })
    await generator.save(path('writer'))
    expect((await seqloom(['quantize', path('writer'), path('small-writer')])).code).toBe(0)
    const small = await tasks.TextGenerator.load(path('small-writer'))
    const same = await generator.quantize()
    const options = { maxTokens: 20, seed: 3 }
    const texts = await Promise.all([small, same].map((each) => each.generate('to be', options)))
    expect(texts[0]).toEqual(texts[1])
    const measured = await Promise.all(
      [small, generator].map((each) => each.evaluate('to be or not to be. '.repeat(9))),
    )
    expect(measured[0]?.loss).toBeCloseTo(measured[1]?.loss as number, 1)
  })

  it('is named by info', async () => {
    expect((await seqloom(['info'])).stdout).toMatch(/^int8 +(scalar|avx|neon)/m)
  })
})
