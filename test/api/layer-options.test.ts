import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cells, defineLayer, input, interop, layers, model, optimizers, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'

const golden = JSON.parse(readFileSync(new URL('../fixtures/keras/preprocessing.json', import.meta.url), 'utf8'))

const neutral = {
  name: null,
  dtype: 'float32',
  inputShape: null,
  batchInputShape: null,
  weights: null,
  batchSize: null,
} as const
const x = tensor(wave(2 * 5 * 3), [2, 5, 3])

describe('options that change no result', () => {
  const recurrent = { unroll: true, implementation: 1, useCudnn: 'auto', timeMajor: false } as const

  it.each(['simpleRNN', 'lstm', 'gru'] as const)('are accepted by %s', (kind) => {
    const make = layers[kind] as (options: object) => ReturnType<typeof layers.simpleRNN>
    const plain = sequential([make({ units: 2, inputShape: [5, 3] })], { seed: 1 })
    const given = sequential([make({ ...neutral, ...recurrent, units: 2, inputShape: [5, 3] })], {
      seed: 1,
    })
    expect(given.predictSync(x).data).toEqual(plain.predictSync(x).data)
    const linear = sequential([make({ units: 2, activation: null, inputShape: [5, 3] })], { seed: 1 })
    const named = sequential([make({ units: 2, activation: 'linear', inputShape: [5, 3] })], { seed: 1 })
    expect(linear.predictSync(x).data).toEqual(named.predictSync(x).data)
  })

  it('are accepted by cells, rnn and other layers', () => {
    for (const cell of [layers.simpleRNNCell, layers.gruCell, layers.lstmCell]) {
      cell({ units: 2, implementation: 0, name: 'cell', activation: null } as never)
    }
    cells.peepholeLSTM({ units: 2, activation: null, recurrentActivation: null })
    layers.rnn({ cell: layers.gruCell({ units: 2 }), unroll: true } as never)
    layers.dense({ ...neutral, units: 2, activation: null })
    layers.activation({ activation: null })
    layers.embedding({ inputDim: 3, outputDim: 2, inputLength: null })
    layers.dropout({ rate: 0.1, noiseShape: null })
    layers.multiHeadAttention({ numHeads: 1, keyDim: 2, valueDim: null, outputShape: null, attentionAxes: [1] })
  })

  it('are told apart from those that would', async () => {
    const refused: [() => unknown, string][] = [
      [() => layers.dense({ units: 2, loraRank: 4 } as never), 'low-rank'],
      [() => layers.embedding({ inputDim: 3, outputDim: 2, loraRank: 2 } as never), 'low-rank'],
      [() => layers.lstm({ units: 2, timeMajor: true } as never), 'transpose'],
      [() => layers.lstm({ units: 2, dtype: 'float16' } as never), 'float32'],
      [() => layers.multiHeadAttention({ numHeads: 1, keyDim: 2, useGate: true } as never), 'gates'],
      [() => layers.multiHeadAttention({ numHeads: 1, keyDim: 2, attentionAxes: [2] as never }), '[1]'],
    ]
    for (const [make, words] of refused) {
      expect(make).toThrow(
        expect.objectContaining({ code: 'ERR_UNSUPPORTED', message: expect.stringContaining(words) }),
      )
    }
    await expectCoded(() => layers.lstm({ units: 2, implementation: 3 } as never), ['ERR_UNSUPPORTED'])
    await expectCoded(() => layers.dense({ units: 2, inputDim: 0 }), ['ERR_OPTION'])
  })

  it('inputDim and inputLength say what is read', () => {
    expect(sequential([layers.dense({ units: 2, inputDim: 3 })]).inputShape).toEqual([null, 3])
    expect(sequential([layers.lstm({ units: 2, inputDim: 3, inputLength: 5 })]).inputShape).toEqual([null, 5, 3])
    expect(sequential([layers.gru({ units: 2, inputDim: 3 })]).inputShape).toEqual([null, null, 3])
  })
})

describe('fixed batch sizes', () => {
  it('are shown, saved and, without states, no bound', () => {
    const m = sequential([layers.lstm({ units: 2, batchInputShape: [2, 5, 3] }), layers.dense({ units: 1 })])
    expect(m.inputShape).toEqual([2, 5, 3])
    expect(m.predictSync(tensor(wave(45), [3, 5, 3])).shape).toEqual([3, 1])
    expect(m.clone().inputShape).toEqual([2, 5, 3])
    expect(input({ batchShape: [4, null, 2] }).shape).toEqual([4, null, 2])
    expect(input({ shape: [3], batchSize: 2 }).shape).toEqual([2, 3])
    expect(sequential([layers.dense({ units: 1, inputShape: [3], batchSize: 2 })]).inputShape).toEqual([2, 3])
  })

  it('bind stateful models', async () => {
    const m = sequential([
      layers.lstm({ units: 2, stateful: true, batchInputShape: [2, 5, 3] }),
      layers.dense({ units: 1 }),
    ])
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    const four = tensor(wave(60), [4, 5, 3])
    expect((await m.predict(four)).shape).toEqual([4, 1])
    const { history } = await m.fit(four, [[1], [2], [3], [4]], { shuffle: false })
    expect(history.loss).toHaveLength(1)
    await expectCoded(() => m.predict(tensor(wave(45), [3, 5, 3])), ['ERR_SHAPE'])
    await expectCoded(() => m.predictSync(tensor(wave(45), [3, 5, 3])), ['ERR_SHAPE'])
    await expectCoded(() => m.predict(four, { batchSize: 4 }), ['ERR_SHAPE'])
    await expectCoded(() => m.fit(four, [[1], [2], [3], [4]], { batchSize: 4, shuffle: false }), ['ERR_SHAPE'])
    await expectCoded(() => m.evaluate(tensor(wave(45), [3, 5, 3]), [[1], [2], [3]]), ['ERR_SHAPE'])
    await expectCoded(() => m.trainOnBatch(four, [[1], [2], [3], [4]]), ['ERR_SHAPE'])
  })
})

describe('dropout with a noiseShape of numbers', () => {
  const scaled = defineLayer({
    inputs: { x: [5, 3] },
    weights: { w: { shape: [5, 3], initializer: 'ones' } },
    call: ({ x: value }, { w }) => value.mul(w),
  })

  /** Which of a row's elements training lets through: a step changes the factors of those alone. */
  async function kept(noiseShape: (number | null)[], seed = 4) {
    const source = input({ shape: [5, 3] })
    const dropped = layers.dropout({ rate: 0.5, noiseShape, seed }).apply(source)
    const m = model({ inputs: source, outputs: scaled().apply(dropped), seed: 2 })
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    const row = (value: number) => tensor(new Float32Array(15).fill(value), [1, 5, 3])
    await m.trainOnBatch(row(1), row(0))
    return Array.from(m.getWeights()[0]?.data ?? [], (value) => value !== 1)
  }

  it('draws once along dimensions of 1', async () => {
    const bySteps = await kept([2, 5, 1])
    for (let at = 0; at < 15; at += 3) expect(bySteps.slice(at, at + 3)).toEqual(Array(3).fill(bySteps[at]))
    expect(new Set(bySteps).size).toBe(2)
    expect(await kept([null, 5, 1])).toEqual(bySteps)
    const byFeatures = await kept([null, 1, 3])
    for (let at = 3; at < 15; at += 3) expect(byFeatures.slice(at, at + 3)).toEqual(byFeatures.slice(0, 3))
    const byRows = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => kept([null, 1, 1], seed)))
    for (const row of byRows) expect(new Set(row).size).toBe(1)
    expect(new Set(byRows.map(([first]) => first)).size).toBe(2)
  })

  it('says what does not fit', async () => {
    await expectCoded(() => kept([2, 5, 2]), ['ERR_SHAPE'])
    await expectCoded(() => kept([2, 5]), ['ERR_SHAPE'])
    await expectCoded(() => kept([1, 5, 1]), ['ERR_UNSUPPORTED'])
  })
})

interface Layered {
  readonly name: string
  readonly shape: number[]
  readonly weights: number[][]
  readonly result: number[]
  readonly of: number[]
}

const inner = sequential([
  layers.lstm({ units: 3, returnSequences: true, inputShape: [4, 2] }),
  layers.gru({ units: 2 }),
])
const makers: Record<string, () => ReturnType<typeof layers.dense> | ReturnType<typeof layers.multiHeadAttention>> = {
  lstm: () => layers.timeDistributed({ layer: layers.lstm({ units: 2 }) }) as never,
  bidirectional: () =>
    layers.timeDistributed({
      layer: layers.bidirectional({ layer: layers.gru({ units: 2, returnSequences: true }) }),
    }) as never,
  model: () => layers.timeDistributed({ layer: inner }) as never,
  repeatVector: () => layers.timeDistributed({ layer: layers.repeatVector({ n: 3 }) }) as never,
  'normalization 1': () => layers.layerNormalization({ axis: 1 }) as never,
  'normalization 1 2': () => layers.layerNormalization({ axis: [1, 2] }) as never,
  'normalization 1 3': () => layers.layerNormalization({ axis: [1, -1] }) as never,
  causal: () => layers.multiHeadAttention({ numHeads: 2, keyDim: 3, valueDim: 2, outputShape: 5, useCausalMask: true }),
  attention: () => layers.attention({ useScale: true, useCausalMask: true }) as never,
}

describe('concatenate', () => {
  it('joins steps, as valid as they were', () => {
    const [a, b] = [input({ shape: [null, 2] }), input({ shape: [null, 2] })]
    const joined = layers.concatenate({ axis: 1 }).apply([a, b])
    const m = model({ inputs: [a, b], outputs: layers.gru({ units: 2 }).apply(joined), seed: 1 })
    const padded = tensor(Float32Array.of(1, 2, 3, 4, 9, 9), [1, 3, 2], { lengths: [2] })
    const whole = tensor(Float32Array.of(5, 6), [1, 1, 2])
    const alone = sequential([layers.gru({ units: 2, inputShape: [null, 2] })])
    alone.setWeights(m.getWeights())
    const wanted = alone.predictSync(tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [1, 3, 2])).data
    for (const [at, value] of m.predictSync([padded, whole]).data.entries())
      expect(value).toBeCloseTo(wanted[at] as number, 6)
  })
})

describe('layers with these options', () => {
  it.each(golden.layers as Layered[])('$name gives what Keras gives', ({ name, shape, weights, result, of }) => {
    const [, ...row] = shape
    const source = input({ shape: row })
    const layer = (makers[name] as () => ReturnType<typeof layers.dense>)()
    const isAttention = name === 'causal' || name === 'attention'
    const output = isAttention ? layer.apply([source, source]) : layer.apply(source)
    const m = model({ inputs: source, outputs: output })
    expect(m.outputShape).toEqual([null, ...of.slice(1)])
    const values = weights.map((size, at) => {
      const count = size.reduce((product, each) => product * each, 1)
      return Float32Array.from({ length: count }, (_, index) => Math.cos(index * 0.9 + at))
    })
    m.setWeights(m.getWeights().map((weight, at) => tensor(values[at] as Float32Array, weight.shape)))
    const count = shape.reduce((product, size) => product * size, 1)
    const made = m.predictSync(
      tensor(
        Float32Array.from({ length: count }, (_, at) => Math.sin(at * 0.7)),
        shape,
      ),
    )
    expect(made.shape).toEqual(of)
    for (const [at, value] of result.entries()) expect(made.data[at]).toBeCloseTo(value, 4)
  })
})

describe('timeDistributed', () => {
  it('trains what is inside it, with masks outside and inside', async () => {
    const sentence = sequential(
      [layers.embedding({ inputDim: 9, outputDim: 3, maskZero: true, inputShape: [6] }), layers.gru({ units: 4 })],
      { name: 'sentence', seed: 2 },
    )
    const m = sequential([layers.timeDistributed({ layer: sentence, inputShape: [3, 6] }), layers.lstm({ units: 2 })], {
      seed: 5,
    })
    const tokens = tensor(
      Int32Array.from({ length: 36 }, (_, at) => (at % 6 > 3 ? 0 : 1 + (at % 8))),
      [2, 3, 6],
    )
    m.compile({ optimizer: 'adam', loss: 'mse' })
    const targets = tensor(wave(4), [2, 2])
    const before = sentence.getWeights()
    const { history } = await m.fit(tokens, targets, { epochs: 5 })
    expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number)
    // The weights belong to the layers: the model inside has them, too.
    expect(sentence.getWeights()).not.toEqual(before)
    expect(sentence.getLayer('gru').getWeights()).toEqual(m.getWeights().slice(1, 4))
    // Each sentence is what the model alone makes of it.
    const alone = model({ inputs: m.inputs, outputs: m.layers[1]?.output as never })
    const all = alone.predictSync(tokens)
    expect(all.shape).toEqual([2, 3, 4])
    const rows = sentence.predictSync(tensor(tokens.data, [6, 6]))
    for (const [at, value] of rows.data.entries()) expect(all.data[at]).toBeCloseTo(value, 5)
    // Padded sentences do not count for the layer after it.
    const short = tensor(tokens.data, [2, 3, 6], { lengths: [2, 3] })
    const two = tensor(Int32Array.from([...tokens.data.slice(0, 12)]), [1, 2, 6], {})
    const cut = sequential([layers.timeDistributed({ layer: sentence, inputShape: [2, 6] }), layers.lstm({ units: 2 })])
    cut.setWeights(m.getWeights())
    const [first] = m.predictSync(short).array() as number[][]
    const [wanted] = cut.predictSync(two).array() as number[][]
    for (const [at, value] of (wanted as number[]).entries()) expect(first?.[at]).toBeCloseTo(value, 5)
  })

  it.each(['model.keras', 'model.h5', 'model.weights.h5'])(
    'with a model goes to Keras and back as %s',
    async (name) => {
      const folder = await mkdtemp(join(tmpdir(), 'seqloom-inner-'))
      try {
        const make = (seed: number) => {
          const sentence = sequential(
            [layers.lstm({ units: 3, returnSequences: true, inputShape: [4, 2] }), layers.gru({ units: 2 })],
            { name: 'sentence' },
          )
          return sequential(
            [layers.timeDistributed({ layer: sentence, inputShape: [3, 4, 2] }), layers.dense({ units: 1 })],
            { seed },
          )
        }
        const [m, other] = [make(1), make(2)]
        await interop.toKeras(m, join(folder, name))
        const isWeights = name.includes('weights')
        const back = await interop.loadKeras(join(folder, name), isWeights ? { model: other } : {})
        const y = tensor(wave(48), [2, 3, 4, 2])
        expect(back.predictSync(y).data).toEqual(m.predictSync(y).data)
      } finally {
        await rm(folder, { recursive: true })
      }
    },
  )

  it('is saved with the model inside, and says what it cannot do', async () => {
    const m = sequential([layers.timeDistributed({ layer: inner, inputShape: [3, 4, 2] })], { seed: 1 })
    const y = tensor(wave(48), [2, 3, 4, 2])
    expect(m.clone().predictSync(y).data).toEqual(m.predictSync(y).data)
    const free = sequential([layers.timeDistributed({ layer: layers.flatten(), inputShape: [null, 4, 2] })])
    expect(free.predictSync(y).shape).toEqual([2, 3, 8])
    await expectCoded(
      () => sequential([layers.timeDistributed({ layer: layers.lstm({ units: 2 }), inputShape: [null, 4, 2] })]),
      ['ERR_SHAPE'],
    )
    await expectCoded(
      () => layers.timeDistributed({ layer: layers.lstm({ units: 2, stateful: true }) }),
      ['ERR_UNSUPPORTED'],
    )
    await expectCoded(
      () => layers.timeDistributed({ layer: layers.lstm({ units: 2, returnState: true }) }),
      ['ERR_UNSUPPORTED'],
    )
    await expectCoded(() => layers.timeDistributed({ layer: {} as never }), ['ERR_OPTION'])
    await expectCoded(
      () => sequential([layers.timeDistributed({ layer: inner, inputShape: [3, 5, 2] })]),
      ['ERR_SHAPE'],
    )
  })
})

describe('optimizers', () => {
  it('continue when a model is compiled again with the same one, with other layers frozen', async () => {
    const data = tensor(wave(24), [8, 3])
    const targets = tensor(wave(8), [8, 1])
    const make = () => {
      const m = sequential(
        [layers.dense({ units: 2, inputShape: [3], name: 'a' }), layers.dense({ units: 1, name: 'b' })],
        { seed: 1 },
      )
      m.compile({ optimizer: optimizers.adam({ learningRate: 0.05 }), loss: 'mse' })
      return m
    }
    const [m, straight, anew] = [make(), make(), make()]
    await m.fit(data, targets, { epochs: 3 })
    await straight.fit(data, targets, { epochs: 3 })
    m.compile({ optimizer: m.optimizer, loss: 'mse' })
    await m.fit(data, targets, { epochs: 1 })
    await straight.fit(data, targets, { epochs: 1 })
    expect(m.getWeights()).toEqual(straight.getWeights())
    // Another optimizer of the same kind begins anew.
    await anew.fit(data, targets, { epochs: 3 })
    anew.compile({ optimizer: optimizers.adam({ learningRate: 0.05 }), loss: 'mse' })
    await anew.fit(data, targets, { epochs: 1 })
    expect(anew.getWeights()).not.toEqual(straight.getWeights())
    // Frozen, the layer keeps its weights; the other goes on.
    m.getLayer('a').trainable = false
    m.compile({ optimizer: m.optimizer, loss: 'mse' })
    const [a, b] = [m.getLayer('a').getWeights(), m.getLayer('b').getWeights()]
    await m.fit(data, targets)
    expect(m.getLayer('a').getWeights()).toEqual(a)
    expect(m.getLayer('b').getWeights()).not.toEqual(b)
    m.getLayer('a').trainable = true
    m.compile({ optimizer: m.optimizer, loss: 'mse' })
    await m.fit(data, targets)
    expect(m.getLayer('a').getWeights()).not.toEqual(a)
  })

  it('continue in a clone, and where the rate has become a schedule', async () => {
    const data = tensor(wave(24), [8, 3])
    const targets = tensor(wave(8), [8, 1])
    const m = sequential([layers.dense({ units: 1, inputShape: [3] })], { seed: 1 })
    m.compile({ optimizer: 'adam', loss: 'mse' })
    await m.fit(data, targets, { epochs: 3 })
    const schedule = optimizers.schedules.exponentialDecay({ initialLearningRate: 0.1, decaySteps: 2, decayRate: 0.5 })
    m.optimizer.learningRate = schedule
    const copy = m.clone()
    for (const each of [m, copy]) {
      const straight = each.clone()
      const steps = each.optimizer.iterations
      each.compile({ optimizer: each.optimizer, loss: 'mse' })
      expect(each.optimizer.iterations).toBe(steps)
      for (const one of [each, straight]) await one.fit(data, targets, { epochs: 2 })
      expect(each.getWeights()).toEqual(straight.getWeights())
    }
  })
})
