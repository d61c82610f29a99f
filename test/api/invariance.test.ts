import { cells, input, layers, model, type SymbolicTensor, sequential, type Tensor, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { relativeError } from '../helpers/compare.js'
import { wave } from '../helpers/models.js'

const features = 3
const lengths = [4, 1, 6, 3, 2]

/** Sequences of the given lengths in a padded array of `time` steps, with `filler` in the padding. */
function padded(time: number, filler: number, order = lengths.map((_, row) => row)) {
  const data = new Float32Array(order.length * time * features).fill(filler)
  order.forEach((row, place) => {
    data.set(wave((lengths[row] as number) * features, row), place * time * features)
  })
  return tensor(data, [order.length, time, features], { lengths: order.map((row) => lengths[row] as number) })
}

/** The same sequences as ragged nested arrays. */
function ragged(): number[][][] {
  return lengths.map((length, row) => {
    const values = wave(length * features, row)
    return Array.from({ length }, (_, t) => Array.from(values.subarray(t * features, (t + 1) * features)))
  })
}

function reader() {
  const m = sequential(
    [
      layers.bidirectional({
        layer: layers.lstm({ units: 7, returnSequences: true }),
        inputShape: [null, features],
      }),
      layers.gru({ units: 6, returnSequences: true }),
      layers.globalAveragePooling1d(),
      layers.dense({ units: 2, activation: 'softmax' }),
    ],
    { seed: 3 },
  )
  m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  return m
}

const labels = () => Int32Array.from(lengths, (_, i) => i % 2)

describe('a row’s result', () => {
  it('does not depend on how far it is padded, or with what', async () => {
    const m = reader()
    const expected = (await m.predict(padded(6, 0))).data
    for (const [time, filler] of [
      [6, 1e30],
      [7, 5],
      [31, -3],
      [100, 0],
    ] as const) {
      const { data } = await m.predict(padded(time, filler))
      expect(relativeError(data, expected), `time ${time}, filler ${filler}`).toBeLessThan(1e-6)
    }
    expect(relativeError((await m.predict(ragged())).data, expected)).toBeLessThan(1e-6)
  })

  it('is the same at every place in the batch, bit for bit', async () => {
    const m = reader()
    const together = (await m.predict(padded(6, 0))).data
    const turned = (await m.predict(padded(6, 0, [4, 3, 2, 1, 0]))).data
    for (let row = 0; row < lengths.length; row++) {
      const alone = (await m.predict(padded(6, 0, [row]))).data
      const expected = [together[row * 2], together[row * 2 + 1]]
      expect([...alone]).toEqual(expected)
      const place = lengths.length - 1 - row
      expect([turned[place * 2], turned[place * 2 + 1]]).toEqual(expected)
    }
  })
})

describe('loss, metrics and gradients', () => {
  it('do not depend on the padding', async () => {
    const m = reader()
    const y = tensor(labels(), [lengths.length])
    const expected = await m.evaluate(padded(6, 0), y)
    expect(relativeError(await m.evaluate(padded(50, 9), y), expected)).toBeLessThan(1e-6)
    const short = await m.gradients(padded(6, 0), y)
    const long = await m.gradients(padded(50, 9), y)
    for (const [name, gradient] of Object.entries(short.weights))
      expect(relativeError(long.weights[name]?.data ?? [], gradient.data), name).toBeLessThan(1e-5)
  })

  it('of each step count the valid steps alone', async () => {
    const m = sequential(
      [
        layers.gru({ units: 5, returnSequences: true, inputShape: [null, features] }),
        layers.dense({ units: 3, activation: 'softmax' }),
      ],
      { seed: 4 },
    )
    m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
    const targets = (time: number, filler: number) => {
      const data = new Int32Array(lengths.length * time).fill(filler)
      lengths.forEach((length, row) => {
        for (let t = 0; t < length; t++) data[row * time + t] = (row + t) % 3
      })
      return tensor(data, [lengths.length, time], { lengths })
    }
    const expected = await m.evaluate(padded(6, 0), targets(6, 0))
    const other = await m.evaluate(padded(20, 7), targets(20, 1))
    expect(relativeError(other, expected)).toBeLessThan(1e-6)
  })
})

describe('outputs at masked steps', () => {
  type Shape = (number | null)[]
  const free: Shape = [null, features]
  const fixed: Shape = [6, features]
  const lstm = (options: object = {}) => layers.lstm({ units: 3, returnSequences: true, ...options })
  const biased = (units: number, activation?: 'softmax') =>
    layers.dense({ units, biasInitializer: 'ones', ...(activation && { activation }) })
  const stacks: Record<string, (shape: Shape) => Parameters<typeof sequential>[0]> = {
    'a dense layer with bias': (shape) => [lstm({ inputShape: shape }), biased(2)],
    'a dense layer alone': (shape) => [layers.dense({ units: 2, biasInitializer: 'ones', inputShape: shape })],
    softmax: (shape) => [lstm({ inputShape: shape }), biased(4, 'softmax')],
    'an activation that is not zero at zero': (shape) => [
      lstm({ inputShape: shape }),
      layers.activation({ activation: 'sigmoid' }),
    ],
    'a layer within timeDistributed': (shape) => [
      lstm({ inputShape: shape }),
      layers.timeDistributed({ layer: biased(2) }),
    ],
    'layer normalization': (shape) => [lstm({ inputShape: shape }), layers.layerNormalization(), biased(2)],
    'root mean square normalization': (shape) => [
      lstm({ inputShape: shape }),
      layers.rootMeanSquareNormalization(),
      biased(2),
    ],
    'both directions': (shape) => [layers.bidirectional({ layer: lstm(), inputShape: shape }), biased(2)],
    'repeated outputs': (shape) => [lstm({ inputShape: shape, zeroOutputForMask: false })],
    'repeated outputs behind a dense layer': (shape) => [
      lstm({ inputShape: shape, zeroOutputForMask: false }),
      biased(2),
    ],
    'repeated outputs of both directions': (shape) => [
      layers.bidirectional({ layer: lstm({ zeroOutputForMask: false }), inputShape: shape }),
      biased(2),
    ],
    'masked values': (shape) => [layers.masking({ inputShape: shape }), lstm(), biased(2)],
  }
  for (const [name, make] of Object.entries(stacks)) {
    it(`are the same whatever else is in the batch: ${name}`, async () => {
      const m = sequential(make(free), { seed: 5 })
      const x = padded(6, 9)
      const together = await m.predict(x)
      const [, time, width] = together.shape as [number, number, number]
      for (const batchSize of [1, 2, 3]) {
        expect([...(await m.predict(x, { batchSize })).data]).toEqual([...together.data])
      }
      expect([...(await m.predict(padded(6, -1))).data]).toEqual([...together.data])
      const repeats = name.startsWith('repeated')
      lengths.forEach((length, row) => {
        const step = (at: number) => [
          ...together.data.subarray((row * time + at) * width, (row * time + at + 1) * width),
        ]
        const last = repeats ? step(length - 1) : new Array(width).fill(0)
        for (let at = length; at < time; at++) expect(step(at), `row ${row}, step ${at}`).toEqual(last)
      })
    })

    it(`are the same where the number of steps is fixed, and in what gradients gives: ${name}`, async () => {
      const [any, m] = [sequential(make(free), { seed: 5 }), sequential(make(fixed), { seed: 5 })]
      const x = padded(6, 9)
      const expected = await any.predict(x)
      const cotangents = tensor(wave(expected.data.length, 4), expected.shape)
      const gradients = await any.gradients(x, { cotangents })
      for (const batchSize of [1, 2, 5]) {
        const made = await m.predict(x, { batchSize })
        expect([...made.data]).toEqual([...expected.data])
        expect(made.lengths).toEqual(expected.lengths)
      }
      for (const each of [gradients, await m.gradients(x, { cotangents })]) {
        expect([...(each.outputs[0] as Tensor).data]).toEqual([...expected.data])
        expect(each.weights).toEqual(gradients.weights)
      }
    })
  }

  it('take no gradient', async () => {
    for (const inputShape of [free, fixed]) {
      const m = sequential([layers.dense({ units: 2, inputShape, name: 'dense' })], { seed: 5 })
      const cotangents = wave(5 * 6 * 2, 4)
      const { weights } = await m.gradients(padded(6, 9), { cotangents: tensor(cotangents, [5, 6, 2]) })
      const sum = [0, 0]
      for (const [row, length] of lengths.entries()) {
        for (let at = 0; at < 2 * length; at++)
          sum[at % 2] = (sum[at % 2] as number) + (cotangents[row * 12 + at] as number)
      }
      expect(relativeError(weights['dense/bias']?.data ?? [], sum)).toBeLessThan(1e-5)
    }
  })

  it('are zeros in the holes of a mask', async () => {
    const m = sequential([lstm({ inputShape: free }), biased(2)], { seed: 5 })
    const x = wave(2 * 4 * features, 1)
    const mask = [true, false, true, false, true, true, true, true]
    const { data } = await m.predict(tensor(x, [2, 4, features], { mask: Uint8Array.from(mask, Number) }))
    mask.forEach((valid, at) => {
      expect(data[2 * at] !== 0, `step ${at}`).toBe(valid)
    })
  })
})

describe('a layer that goes backwards and returns sequences', () => {
  const shape = [null, features] as (number | null)[]
  const backwards = { returnSequences: true, goBackwards: true }
  const options = { units: 3, ...backwards }
  const kinds = {
    simpleRNN: (more: object) => layers.simpleRNN({ ...options, ...more }),
    lstm: (more: object) => layers.lstm({ ...options, ...more }),
    gru: (more: object) => layers.gru({ ...options, ...more }),
    'a traced cell': (more: object) => layers.rnn({ cell: cells.layerNormLSTM({ units: 3 }), ...backwards, ...more }),
  }
  for (const [name, make] of Object.entries(kinds)) {
    it(`writes a row’s outputs at its own steps, whatever else is in the batch: ${name}`, async () => {
      for (const zeroOutputForMask of [true, false]) {
        const inputs = input({ shape })
        const y = make({ zeroOutputForMask, returnState: true }).apply(inputs) as unknown as SymbolicTensor[]
        const m = model({ inputs, outputs: [y[0] as SymbolicTensor, y[1] as SymbolicTensor], seed: 5 })
        const [together, states] = (await m.predict(padded(6, 9))) as unknown as Tensor[]
        for (const [row, length] of lengths.entries()) {
          const data = wave(length * features, row)
          const [alone] = (await m.predict(tensor(data, [1, length, features]))) as unknown as Tensor[]
          const own = together?.data.subarray(row * 18, row * 18 + length * 3) ?? []
          expect([...own], `row ${row}`).toEqual([...(alone?.data ?? [])])
          // The step that is processed last is written last.
          expect([...own.slice(-3)]).toEqual([...(states?.data.subarray(row * 3, row * 3 + 3) ?? [])])
          for (let at = length; at < 6; at++) {
            const step = [...(together?.data.subarray(row * 18 + at * 3, row * 18 + at * 3 + 3) ?? [])]
            expect(step).toEqual(zeroOutputForMask ? [0, 0, 0] : [...own.slice(-3)])
          }
        }
      }
    })

    it(`is read by the next layer as a row of the same length, in training too: ${name}`, async () => {
      const m = sequential(
        [make({ inputShape: shape }), layers.gru({ units: 4 }), layers.dense({ units: 2, activation: 'softmax' })],
        { seed: 6 },
      )
      m.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' })
      const y = tensor(labels(), [lengths.length])
      const short = await m.gradients(padded(6, 0), y)
      const long = await m.gradients(padded(31, 9), y)
      for (const [weight, gradient] of Object.entries(short.weights))
        expect(relativeError(long.weights[weight]?.data ?? [], gradient.data), weight).toBeLessThan(1e-5)
      const together = await m.predict(padded(6, 9))
      for (const row of lengths.keys()) {
        const alone = await m.predict(padded(lengths[row] as number, 0, [row]))
        expect([...alone.data]).toEqual([...together.data.subarray(row * 2, row * 2 + 2)])
      }
    })
  }

  it('keeps to the valid steps where a mask has holes', async () => {
    const mask = Uint8Array.from([1, 0, 1, 0, 1, 1, 1, 1])
    const x = tensor(wave(2 * 4 * features, 1), [2, 4, features], { mask })
    const m = sequential([layers.lstm({ ...options, inputShape: shape })], { seed: 5 })
    const { data } = await m.predict(x)
    const without = tensor(Float32Array.of(...x.data.slice(0, 3), ...x.data.slice(6, 9)), [1, 2, features])
    const dense = (await m.predict(without)).data
    expect([...data.slice(0, 12)]).toEqual([...dense.slice(0, 3), 0, 0, 0, ...dense.slice(3), 0, 0, 0])
  })
})
