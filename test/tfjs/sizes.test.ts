import * as tf from 'seqloom/tfjs'
import { describe, expect, it } from 'vitest'

const sizes = [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9, 1e300, 'x', {}] as never[]
const coded = { code: expect.stringMatching(/^ERR_/) }

describe('sizes that are none, or that no machine has room for, are errors with a code', () => {
  const inputShape = [5, 3]
  const layers: Record<string, (size: never) => tf.layers.Layer> = {
    'kernelSize of conv1d': (size) => tf.layers.conv1d({ filters: 2, kernelSize: size, inputShape }),
    'strides of conv1d': (size) => tf.layers.conv1d({ filters: 2, kernelSize: 2, strides: size, inputShape }),
    'dilationRate of conv1d': (size) =>
      tf.layers.conv1d({ filters: 2, kernelSize: 2, dilationRate: size, padding: 'causal', inputShape }),
    'poolSize of maxPooling1d': (size) => tf.layers.maxPooling1d({ poolSize: size, padding: 'same', inputShape }),
    'strides of averagePooling1d': (size) => tf.layers.averagePooling1d({ strides: size, padding: 'same', inputShape }),
    'the cell of rnn': (size) => tf.layers.rnn({ cell: size, inputShape }),
    'a cell of rnn': (size) => tf.layers.rnn({ cell: [size], inputShape }),
  }
  for (const [what, make] of Object.entries(layers)) {
    it(what, () => {
      for (const size of sizes)
        expect(() => tf.sequential({ layers: [make(size)] })).toThrow(expect.objectContaining(coded))
    })
  }

  it('the states of a cell of its own', () => {
    class Cell extends tf.layers.RNNCell {
      static override className = 'SizesCell'
      constructor(readonly stateSize: number) {
        super({})
      }
    }
    for (const size of sizes.filter((each) => each !== 1e9 && each !== 1e300)) {
      expect(() => tf.layers.rnn({ cell: new Cell(size), inputShape })).toThrow(expect.objectContaining(coded))
    }
  })

  it('the first epoch of a training', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] })
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    const elements = tf.data.array([{ xs: [1, 2], ys: [1] }]).batch(1)
    for (const initialEpoch of [Number.NEGATIVE_INFINITY, -1, 0.5, Number.NaN]) {
      await expect(model.fit(tf.ones([2, 2]), tf.ones([2, 1]), { initialEpoch })).rejects.toMatchObject(coded)
      await expect(model.fitDataset(elements, { epochs: 1, initialEpoch })).rejects.toMatchObject(coded)
    }
  })

  it('buffers of data sets, whose elements asked for ahead are bounded', async () => {
    const elements = tf.data.array([1, 2, 3])
    expect(() => elements.shuffle(1e9)).toThrow(expect.objectContaining(coded))
    expect(await elements.prefetch(1e6).toArray()).toEqual([1, 2, 3])
  })

  it('shapes', () => {
    expect(() => tf.tensor([1, 2], Number.NaN as never)).toThrow(expect.objectContaining(coded))
  })
})
