import {
  type AnyLayer,
  initializers,
  input,
  layers,
  losses,
  metrics,
  model,
  optimizers,
  sequential,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'

/** Sequences of 0 and 1 as tokens, with the parity of their sum. */
function parity(count: number): { x: number[][]; y: number[] } {
  const x = Array.from({ length: count }, (_, i) =>
    Array.from({ length: 2 + (i % 5) }, (_, t) => ((i * 7 + t * t * 3 + (i >> 2)) >> t) & 1),
  )
  return { x, y: x.map((row) => row.reduce((sum, bit) => sum + bit, 0) % 2) }
}

const cells: Record<string, (options: { units: number }) => AnyLayer> = {
  lstm: layers.lstm,
  gru: layers.gru,
  simpleRNN: layers.simpleRNN,
}

describe('networks learn', () => {
  it.each(Object.entries(cells))('the parity of ragged sequences (%s)', async (_, cell) => {
    const { x, y } = parity(256)
    const m = sequential(
      [
        layers.embedding({ inputDim: 2, outputDim: 8 }),
        cell({ units: 16 }),
        layers.dense({ units: 2, activation: 'softmax' }),
      ],
      { seed: 3 },
    )
    m.compile({
      optimizer: optimizers.adam({ learningRate: 0.01, clipNorm: 1 }),
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
    })
    const { history, epoch } = await m.fit(x, y, { epochs: 60, batchSize: 16 })
    expect(epoch).toHaveLength(60)
    expect(history.loss).toHaveLength(60)
    expect(history.accuracy?.at(-1)).toBeGreaterThan(0.95)
    const [loss, accuracy] = await m.evaluate(x, y)
    expect(loss).toBeLessThan(history.loss?.[0] as number)
    expect(accuracy).toBeGreaterThan(0.95)
  })

  it('exclusive or, with a binary loss and targets without a last dimension', async () => {
    const m = sequential(
      [
        layers.dense({ units: 8, activation: 'tanh', inputShape: [2] }),
        layers.dense({ units: 1, activation: 'sigmoid' }),
      ],
      { seed: 1 },
    )
    m.compile({
      optimizer: optimizers.adam({ learningRate: 0.1 }),
      loss: 'binaryCrossentropy',
      metrics: ['acc', 'mse'],
    })
    const x = [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]
    const { history } = await m.fit(x, [0, 1, 1, 0], { epochs: 200, batchSize: 4 })
    expect(history.acc?.at(-1)).toBe(1)
    expect(history.mse?.at(-1)).toBeLessThan(0.05)
    const { data, shape } = m.predictSync(x)
    expect(shape).toEqual([4, 1])
    expect([...data].map(Math.round)).toEqual([0, 1, 1, 0])
  })

  it('a label for every step, with a frozen layer and logits', async () => {
    const m = sequential(
      [
        layers.embedding({ inputDim: 5, outputDim: 6, trainable: false, embeddingsInitializer: 'orthogonal' }),
        layers.bidirectional({ layer: layers.gru({ units: 8, returnSequences: true }), mergeMode: 'sum' }),
        layers.timeDistributed({ layer: layers.dense({ units: 5 }) }),
      ],
      { seed: 5 },
    )
    m.compile({
      optimizer: optimizers.rmsprop({ learningRate: 0.01 }),
      loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }),
      metrics: [metrics.sparseCategoricalAccuracy({ name: 'right' })],
    })
    const frozen = m.namedWeights()['embedding/embeddings']
    const x = Array.from({ length: 64 }, (_, i) => Array.from({ length: 1 + (i % 6) }, (_, t) => (i + t * 3) % 5))
    const y = x.map((row) => row.map((token) => (token * 2) % 5))
    const { history } = await m.fit(x, y, { epochs: 40, batchSize: 8 })
    expect(history.right?.at(-1)).toBeGreaterThan(0.9)
    expect(m.namedWeights()['embedding/embeddings']).toEqual(frozen)
    const { shape, lengths } = await m.predict(x)
    expect(shape).toEqual([64, 6, 5])
    expect([...(lengths ?? [])]).toEqual(x.map((row) => row.length))
  })

  it('to copy a sequence with an encoder and a decoder that share states', async () => {
    const tokens = input({ shape: [null], name: 'tokens' })
    const shifted = input({ shape: [null], name: 'shifted' })
    const table = layers.embedding({ inputDim: 6, outputDim: 8 })
    const [, h, c] = layers.lstm({ units: 24, returnState: true }).apply(table.apply(tokens))
    const decoded = layers
      .lstm({ units: 24, returnSequences: true })
      .apply(table.apply(shifted), { initialState: [h, c] })
    const y = layers.dense({ units: 6, activation: 'softmax', name: 'next' }).apply(decoded)
    const m = model({ inputs: [tokens, shifted], outputs: y, seed: 2 })
    m.compile({
      optimizer: optimizers.adam({ learningRate: 0.01 }),
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
    })
    const rows = Array.from({ length: 128 }, (_, i) => [1 + (i % 5), 1 + ((i >> 1) % 5), 1 + ((i * 3) % 5)])
    const data = { tokens: rows, shifted: rows.map(([a, b]) => [0, a as number, b as number]) }
    const { history } = await m.fit(data, rows, { epochs: 60, batchSize: 16 })
    expect(history.accuracy?.at(-1)).toBeGreaterThan(0.9)
    expect(Object.keys(m.namedWeights()).filter((name) => name.endsWith('embeddings'))).toHaveLength(1)
  })

  it('several outputs with losses of their own', async () => {
    const x = input({ shape: [null, 2], name: 'x' })
    const read = layers.lstm({ units: 8 }).apply(x)
    const total = layers.dense({ units: 1, name: 'total' }).apply(read)
    const sign = layers.dense({ units: 1, name: 'sign', activation: 'sigmoid' }).apply(read)
    const m = model({ inputs: x, outputs: [total, sign], seed: 4 })
    m.compile({
      optimizer: 'adam',
      loss: { total: 'huber', sign: 'binaryCrossentropy' },
      metrics: { sign: 'accuracy' },
      lossWeights: { total: 0.5 },
    })
    const data = Float32Array.from({ length: 40 * 3 * 2 }, (_, i) => Math.sin(i * 1.3))
    const sums = Array.from({ length: 40 }, (_, i) => data.slice(i * 6, i * 6 + 6).reduce((a, b) => a + b, 0))
    const y = { total: sums, sign: sums.map((sum) => Number(sum > 0)) }
    const { history } = await m.fit(tensor(data, [40, 3, 2]), y, { epochs: 3 })
    expect(Object.keys(history).sort()).toEqual(['loss', 'sign_accuracy', 'sign_loss', 'total_loss'])
    for (let i = 0; i < 3; i++) {
      const [loss, first, second] = [history.loss?.[i], history.total_loss?.[i], history.sign_loss?.[i]] as number[]
      expect(loss).toBeCloseTo(0.5 * (first as number) + (second as number), 5)
    }
    expect(await m.predict(tensor(data, [40, 3, 2]))).toHaveLength(2)
    expect(m.summary()).toMatch(/total \(Dense\).*lstm/)
  })
})

describe('training in detail', () => {
  const build = (seed = 1) => {
    const m = sequential([layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'zeros' })], { seed })
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'mse' })
    return m
  }
  const x = [
    [1, 0],
    [0, 1],
    [1, 1],
  ]
  const y = [[1], [2], [3]]

  it('one step gives the loss before it and changes the weights', async () => {
    const m = build()
    const [loss] = await m.trainOnBatch(x, y)
    expect(loss).toBeCloseTo(14 / 3, 5)
    const [kernel] = m.getWeights()
    // d/dw of the mean of (xw − y)²: −2/3 Σ x y.
    expect(kernel?.data[0]).toBeCloseTo((0.1 * 2 * 4) / 3, 5)
    expect(await m.testOnBatch(x, y)).not.toEqual([loss])
  })

  it('weights of rows scale their losses', async () => {
    const m = build()
    const [plain] = await m.testOnBatch(x, y, { sampleWeight: [1, 1, 1] })
    expect(plain).toBeCloseTo(14 / 3, 5)
    const [weighted] = await m.evaluate(x, y, { sampleWeight: [0, 2, 0] })
    expect(weighted).toBeCloseTo(8 / 3, 5)
    await m.fit(x, y, { sampleWeight: [0, 0, 0], epochs: 2 })
    expect(m.getWeights()[0]?.data).toEqual(new Float32Array(2))
  })

  it('the learning rate can be changed', async () => {
    const m = build()
    expect(m.learningRate).toBeCloseTo(0.1, 6)
    m.learningRate = 0
    await m.fit(x, y)
    expect(m.getWeights()[0]?.data).toEqual(new Float32Array(2))
  })

  it('validation data and splits give values with val_', async () => {
    const { history } = await build().fit(x, y, { epochs: 2, validationData: [x, y] })
    expect(history.val_loss).toHaveLength(2)
    const split = await build().fit(x, y, { epochs: 2, validationSplit: 0.34, shuffle: false })
    expect(split.history.val_loss).toHaveLength(2)
    await expect(build().fit(x, y, { validationSplit: 0.9 })).rejects.toMatchObject({ code: 'ERR_DATA' })
  })

  it('one seed gives one result, another seed another', async () => {
    const run = async (seed: number) => {
      const m = sequential(
        [layers.lstm({ units: 4, inputShape: [null, 2] }), layers.dropout({ rate: 0.5 }), layers.dense({ units: 1 })],
        { seed },
      )
      m.compile({ optimizer: 'adam', loss: 'mse' })
      const data = tensor(
        Float32Array.from({ length: 60 }, (_, i) => Math.sin(i)),
        [10, 3, 2],
      )
      await m.fit(data, new Float32Array(10), { epochs: 2, batchSize: 3 })
      return m.getWeights().map(({ data: values }) => [...values])
    }
    expect(await run(1)).toEqual(await run(1))
    expect(await run(1)).not.toEqual(await run(2))
  })

  it('gradients come by name, from targets or from cotangents', async () => {
    const m = build()
    const { loss, weights, outputs } = await m.gradients(x, y)
    expect(loss).toBeCloseTo(14 / 3, 5)
    expect(weights['dense/kernel']?.data[0]).toBeCloseTo(-8 / 3, 5)
    expect(outputs[0]?.shape).toEqual([3, 1])
    const given = await m.gradients(x, { cotangents: tensor([1, 1, 1], [3, 1]) })
    expect([...(given.weights['dense/kernel']?.data ?? [])]).toEqual([2, 2])
    expect(given.inputs[0]?.shape).toEqual([3, 2])
    expect(m.getWeights()[0]?.data).toEqual(new Float32Array(2))
    expect(m.gradientsSync(x, { cotangents: tensor([1, 1, 1], [3, 1]) })).toEqual(given)
  })

  it('initializers follow their definitions', () => {
    const m = sequential([
      layers.dense({
        units: 2,
        inputShape: [2],
        kernelInitializer: initializers.identity({ gain: 3 }),
        biasInitializer: initializers.constant({ value: 7 }),
      }),
    ])
    expect(m.getWeights().map(({ data }) => [...data])).toEqual([
      [3, 0, 0, 3],
      [7, 7],
    ])
    expect(m.countParams()).toBe(6)
  })
})
