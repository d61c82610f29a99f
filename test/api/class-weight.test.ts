import { layers, type Sequential, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'

const [rows, time] = [12, 5]
const x = tensor(
  Float32Array.from({ length: rows * time * 2 }, (_, i) => Math.sin(i * 3)),
  [rows, time, 2],
)
const labels = Int32Array.from({ length: rows }, (_, i) => (i * 7) % 3)

function classifier(): Sequential {
  const m = sequential(
    [layers.gru({ units: 4, inputShape: [null, 2] }), layers.dense({ units: 3, activation: 'softmax' })],
    { seed: 2 },
  )
  m.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  return m
}

const weightsOf = (m: Sequential) => m.getWeights().map(({ data }) => [...data])
const classWeight = { 0: 3, 2: 0.5 }
const sampleWeight = Float32Array.from(labels, (label) => [3, 1, 0.5][label] as number)

describe('classWeight', () => {
  it('trains as the same weights of rows do', async () => {
    const [byClass, byRow] = [classifier(), classifier()]
    const options = { epochs: 2, batchSize: 4 }
    const first = await byClass.fit(x, labels, { ...options, classWeight })
    const second = await byRow.fit(x, labels, { ...options, sampleWeight })
    expect(first.history.loss).toEqual(second.history.loss)
    expect(weightsOf(byClass)).toEqual(weightsOf(byRow))
    expect(await byClass.trainOnBatch(x, labels, { classWeight })).toEqual(
      await byRow.trainOnBatch(x, labels, { sampleWeight }),
    )
    expect(weightsOf(byClass)).toEqual(weightsOf(byRow))
  })

  it('does not weight validation, evaluation or later trainings', async () => {
    const m = classifier()
    const { history } = await m.fit(x, labels, { batchSize: rows, classWeight, validationData: [x, labels] })
    const [loss] = await m.evaluate(x, labels, { batchSize: rows })
    expect(history.val_loss).toEqual([loss])
    expect(await m.testOnBatch(x, labels)).toEqual(await m.trainOnBatch(x, labels))
  })

  it('weights steps by their own class, and padding never enters', async () => {
    const tagger = (): Sequential => {
      const m = sequential(
        [
          layers.gru({ units: 4, returnSequences: true, inputShape: [null, 2] }),
          layers.dense({ units: 3, activation: 'softmax' }),
        ],
        { seed: 2 },
      )
      m.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' })
      return m
    }
    const lengths = Array.from({ length: rows }, (_, i) => 1 + (i % time))
    const padded = (filler: number) => {
      const data = Float32Array.from(x.data as Float32Array)
      const tags = Int32Array.from({ length: rows * time }, (_, i) => (i * 5) % 3)
      for (const [row, length] of lengths.entries()) {
        data.fill(filler, (row * time + length) * 2, (row + 1) * time * 2)
        tags.fill(filler, row * time + length, (row + 1) * time)
      }
      return [tensor(data, [rows, time, 2], { lengths }), tensor(tags, [rows, time], { lengths })] as const
    }
    const [a, b] = [tagger(), tagger()]
    const options = { epochs: 2, batchSize: 4, classWeight }
    expect(await a.fit(...padded(0), options)).toEqual(await b.fit(...padded(2), options))
    expect(weightsOf(a)).toEqual(weightsOf(b))
    // A class that weighs nothing teaches nothing.
    const c = tagger()
    const before = weightsOf(c)
    await c.fit(...padded(0), { classWeight: { 0: 0, 1: 0, 2: 0 } })
    expect(weightsOf(c)).toEqual(before)
  })

  it('is for binary and one-hot targets, too', async () => {
    const binary = (): Sequential => {
      const m = sequential(
        [layers.gru({ units: 4, inputShape: [null, 2] }), layers.dense({ units: 1, activation: 'sigmoid' })],
        { seed: 2 },
      )
      m.compile({ optimizer: 'sgd', loss: 'binaryCrossentropy' })
      return m
    }
    const targets = Float32Array.from({ length: rows }, (_, i) => i % 2)
    const [a, b] = [binary(), binary()]
    await a.fit(x, targets, { classWeight: { 1: 4 } })
    await b.fit(x, targets, { sampleWeight: targets.map((target) => (target === 1 ? 4 : 1)) })
    expect(weightsOf(a)).toEqual(weightsOf(b))
    const oneHot = classifier()
    oneHot.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' })
    const sparse = classifier()
    const rowsOf = [...labels].map((label) => [0, 1, 2].map((each) => Number(each === label)))
    await oneHot.fit(x, rowsOf, { classWeight })
    await sparse.fit(x, labels, { classWeight })
    for (const [at, weights] of weightsOf(oneHot).entries()) {
      for (const [i, weight] of weights.entries()) expect(weight).toBeCloseTo(weightsOf(sparse)[at]?.[i] as number, 6)
    }
  })

  it.each([
    [{ 3: 1 }, /classes are 0 to 2/],
    [{ '-1': 1 }, /classes are 0 to 2/],
    [{ 0: -1 }, /at least 0/],
    [{ 0: 'much' }, /at least 0/],
    [[1, 2, 3], /object of factors/],
  ])('refuses %j', async (wrong, message) => {
    await expect(classifier().fit(x, labels, { classWeight: wrong as never })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(message),
    })
  })

  it.each([
    'mse',
    'mae',
    'huber',
    'categoricalHinge',
    'klDivergence',
    'poisson',
    'cosineSimilarity',
    'categoricalFocalCrossentropy',
  ])('is for one-hot targets of %s as for those of a cross-entropy', async (loss) => {
    const one = () => {
      const m = classifier()
      m.compile({ optimizer: 'sgd', loss: loss as never })
      return m
    }
    const targets = [...labels].map((label) => [0, 1, 2].map((each) => Number(each === label)))
    const sampleWeight = Float32Array.from(labels, (label) => (classWeight as Record<number, number>)[label] ?? 1)
    const [byClass, byRow] = [one(), one()]
    const [a] = await byClass.trainOnBatch(x, targets, { classWeight })
    const [b] = await byRow.trainOnBatch(x, targets, { sampleWeight })
    expect(a).toBeCloseTo(b as number, 6)
    for (const [at, weights] of weightsOf(byClass).entries()) {
      for (const [i, weight] of weights.entries()) expect(weight).toBeCloseTo(weightsOf(byRow)[at]?.[i] as number, 5)
    }
  })

  it.each([
    ['mse', 1],
    ['binaryCrossentropy', 3],
    ['hinge', 3],
  ])('refuses %s of %i columns, which has no classes', async (loss, units) => {
    const m = sequential([layers.gru({ units: 4, inputShape: [null, 2] }), layers.dense({ units })])
    m.compile({ optimizer: 'sgd', loss: loss as never })
    const call = m.fit(x, new Float32Array(rows * units), { classWeight: { 0: 2 } })
    await expect(call).rejects.toMatchObject({ code: 'ERR_OPTION', message: expect.stringMatching(/needs classes/) })
  })
})
