import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { input, interop, layers, type Model, model, type Tensor, tensor } from '../../dist/index.js'

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

const zeroed = (m: Model): Model => {
  m.setWeights(m.getWeights().map(({ data, shape }) => tensor(new Float32Array(data.length), shape)))
  return m
}

/** The model of `simple` in real.py, with names of its own or Keras's. */
function branches(named: boolean, recurrentActivation: 'hardSigmoid' | 'hardSigmoidKeras2' = 'hardSigmoid') {
  const name = (of: string) => (named ? { name: of } : {})
  const x = input({ shape: [null, 2] })
  const short = layers.gru({ units: 2, recurrentActivation, ...name('short') }).apply(x)
  const first = layers.gru({ units: 2, returnSequences: true, ...name('first') }).apply(x)
  const last = layers.gru({ units: 2, ...name('last') }).apply(layers.dropout({ rate: 0.5 }).apply(first))
  const out = layers.dense({ units: 1, ...name('out') }).apply(layers.concatenate().apply([short, last]))
  return model({ inputs: x, outputs: out })
}

describe('interop.loadKeras into a model', () => {
  it.each([
    ['keras3-branches.weights.h5', 'keras3-branches'],
    ['keras3-branches.keras', 'keras3-branches'],
    ['keras2-branches-by-name.h5', 'keras2-branches'],
  ])('gives it the weights of %s, by names or in order', async (name, expected) => {
    for (const named of [true, false]) {
      const m = branches(named, expected.startsWith('keras2') ? 'hardSigmoidKeras2' : 'hardSigmoid')
      expect(await interop.loadKeras(file(name), { model: m })).toBe(m)
      await expectPredictions(m, expected)
      m.dispose()
    }
  })

  it('refuses a layer whose hard sigmoid is not that of the file', async () => {
    for (const [name, wrong, right] of [
      ['keras2-branches-by-name.h5', 'hardSigmoid', 'hardSigmoidKeras2'],
      ['keras3-branches.weights.h5', 'hardSigmoidKeras2', 'hardSigmoid'],
    ] as const) {
      await expect(interop.loadKeras(file(name), { model: branches(true, wrong) })).rejects.toMatchObject({
        code: 'ERR_FORMAT',
        message: expect.stringMatching(new RegExp(`'short' has another hard sigmoid.*'${right}'`)),
      })
    }
  })

  it('gives weights of a model within the model to its layers', async () => {
    for (const name of ['keras3-reader', 'keras2-reader']) {
      const m = zeroed(await interop.loadKeras(file(`${name}.h5`)))
      await interop.loadKeras(file(`${name}.h5`), { model: m })
      await expectPredictions(m, name)
      m.dispose()
    }
  })

  it('names all weights that do not fit, and changes none', async () => {
    const other = (units: number) => {
      const x = input({ shape: [null, 2] })
      const one = layers.gru({ units, name: 'short' }).apply(x)
      const two = layers
        .gru({ units: 2, name: 'last' })
        .apply(layers.gru({ units, returnSequences: true, name: 'first' }).apply(x))
      return model({
        inputs: x,
        outputs: layers.dense({ units: 1, name: 'out' }).apply(layers.add().apply([one, two])),
      })
    }
    const x = input({ shape: [null, 2] })
    const lstm = layers.lstm({ units: 2, name: 'short' }).apply(x)
    const few = model({ inputs: x, outputs: layers.dense({ units: 1, name: 'out' }).apply(lstm) })
    const before = few.getWeights()
    await expect(interop.loadKeras(file('keras3-branches.weights.h5'), { model: few })).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringMatching(/'first' \(gru\).*in the file\n.*'short' \(lstm\), 'out' \(dense\) in the model/s),
    })
    await expect(interop.loadKeras(file('keras2-branches-by-name.h5'), { model: few })).rejects.toMatchObject({
      code: 'ERR_FORMAT',
    })
    expect(few.getWeights()).toEqual(before)
    const wide = other(2)
    await expect(interop.loadKeras(file('keras3-branches.weights.h5'), { model: wide })).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining("the weights of 'out' are [2, 1], [1] here, [4, 1], [1] in the file"),
    })
    for (const m of [few, wide]) m.dispose()
  })

  it('wants a model for weights alone', async () => {
    await expect(interop.loadKeras(file('keras3-branches.weights.h5'))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining('interop.loadKeras(file, { model })'),
    })
    await expect(interop.loadKeras(file('keras3-branches.keras'), { model: 3 as never })).rejects.toMatchObject({
      code: 'ERR_OPTION',
    })
  })
})

describe('interop.loadKeras on a damaged description', () => {
  it('refuses a class that is no name, and not a text either', async () => {
    const parts = unzipSync(new Uint8Array(readFileSync(new URL('lstm.keras', folder))))
    const config = JSON.parse(strFromU8(parts['config.json'] as Uint8Array))
    // Such an object cannot be made a text.
    config.config.layers.at(-1).class_name = { toString: 1, valueOf: 1 }
    const bytes = zipSync({ ...parts, 'config.json': strToU8(JSON.stringify(config)) })
    await expect(interop.loadKeras(bytes)).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })
})
