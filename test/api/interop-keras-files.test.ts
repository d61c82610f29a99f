import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { interop, type Model, type Tensor } from '../../dist/index.js'

// Files of real.py beside them, as Keras 2 and 3 wrote them.
const folder = new URL('../fixtures/keras/', import.meta.url)
const file = (name: string) => new Uint8Array(gunzipSync(readFileSync(new URL(`${name}.gz`, folder))))

/** Expects what Keras predicted. */
async function expectPredictions(m: Model, name: string): Promise<void> {
  const { inputs, outputs } = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))
  const given = (await m.predict(inputs.length === 1 ? inputs[0] : inputs)) as Tensor
  const expected = outputs.flat(9) as number[]
  expect(given.data.length).toBe(expected.length)
  for (const [at, value] of expected.entries()) expect(given.data[at]).toBeCloseTo(value, 5)
}

describe('interop.loadKeras on files that Keras wrote', () => {
  it.each([
    ['keras3-reader.keras', 'keras3-reader'],
    ['keras3-reader.h5', 'keras3-reader'],
    ['keras3-branches.keras', 'keras3-branches'],
    ['keras2-reader.h5', 'keras2-reader'],
    ['keras2-branches.keras', 'keras2-branches'],
  ])('predicts as Keras does from %s', async (name, expected) => {
    const m = await interop.loadKeras(file(name))
    await expectPredictions(m, expected)
    m.dispose()
  })
})
