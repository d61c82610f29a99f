import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import {
  constraints,
  defineCell,
  interop,
  layers,
  loadModel,
  type Model,
  optimizers,
  regularizers,
  sequential,
  type Tensor,
  tensor,
} from '../../dist/index.js'
import { waves } from '../helpers/waves.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-regularizers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const lossOf = async (m: Model, x: never, y: never): Promise<number> =>
  ((await m.testOnBatch(x, y)) as number[])[0] as number
const squares = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value * value, 0)
const magnitudes = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + Math.abs(value), 0)
const sgd = (learningRate = 0.1) => optimizers.sgd({ learningRate })

describe('what Keras trains with regularizers and constraints', () => {
  const read = (name: string) => readFileSync(new URL(`../fixtures/regularizers/${name}`, import.meta.url))
  const { x, y, losses, evaluated, weights } = JSON.parse(read('model.json').toString()) as Record<string, number[][]>
  const flat = (m: Model) => m.getWeights().map(({ data }) => [...data])

  /** Five steps as Keras made them. */
  async function trains(m: Model): Promise<void> {
    m.compile({ optimizer: sgd(), loss: 'meanSquaredError', metrics: ['mae'] })
    for (const [step, expected] of (losses as number[][]).entries()) {
      const found = (await m.trainOnBatch(x as never, y as never)) as number[]
      for (const [at, value] of expected.entries()) expect(found[at], `step ${step + 1}`).toBeCloseTo(value, 5)
    }
    const found = (await m.evaluate(x as never, y as never)) as number[]
    for (const [at, value] of (evaluated as never as number[]).entries()) expect(found[at]).toBeCloseTo(value, 5)
    const own = flat(m)
    for (const [index, expected] of (weights as number[][]).entries()) {
      for (const [at, value] of expected.entries()) expect(own[index]?.[at], `weight ${index}`).toBeCloseTo(value, 4)
    }
  }

  it('is loaded with them, and trained alike', async () => {
    const m = await interop.loadKeras(gunzipSync(read('model.keras.gz')))
    await trains(m)
    m.dispose()
  })

  it('keeps them when it is saved, written for Keras and copied', async () => {
    const m = await interop.loadKeras(gunzipSync(read('model.keras.gz')))
    await m.save(join(folder, 'saved'))
    await interop.toKeras(m, join(folder, 'again.keras'))
    await interop.toKeras(m, join(folder, 'old.h5'), { version: 2 })
    const others = [
      await loadModel(join(folder, 'saved')),
      await interop.loadKeras(join(folder, 'again.keras')),
      await interop.loadKeras(join(folder, 'old.h5')),
      m.clone(),
    ]
    for (const other of others) {
      expect((other as Model).toJSON().config).toEqual({ ...m.toJSON().config, seed: expect.anything() })
      await trains(other as Model)
      other.dispose()
    }
    m.dispose()
  })
})

describe('regularizers', () => {
  it('add to the loss of training and evaluation, not to metrics, and to the gradients', async () => {
    const make = (kernelRegularizer: regularizers.Regularizer | 'l2' | null) => {
      const m = sequential([layers.dense({ units: 2, inputShape: [3], kernelRegularizer })], { seed: 3 })
      m.compile({ optimizer: sgd(), loss: 'mse', metrics: ['mse'] })
      return m
    }
    const [x, y] = [waves([4, 3]), waves([4, 2], 5)]
    const plain = make(null)
    const [base] = (await plain.evaluate(x, y)) as number[]
    const kernel = plain.getWeights()[0]?.data as Float32Array
    const before = (await plain.gradients(x, y)).weights
    for (const [regularizer, expected, slope] of [
      [regularizers.l2(0.1), 0.1 * squares(kernel), (w: number) => 0.2 * w],
      [regularizers.l1({ l1: 0.3 }), 0.3 * magnitudes(kernel), (w: number) => 0.3 * Math.sign(w)],
      ['l2', 0.01 * squares(kernel), (w: number) => 0.02 * w],
      [
        regularizers.l1l2({ l1: 0.1, l2: 0.2 }),
        0.1 * magnitudes(kernel) + 0.2 * squares(kernel),
        (w: number) => 0.1 * Math.sign(w) + 0.4 * w,
      ],
    ] as const) {
      const m = make(regularizer)
      expect(m.getWeights()[0]?.data).toEqual(kernel)
      const [loss, metric] = (await m.evaluate(x, y)) as [number, number]
      expect(loss).toBeCloseTo((base as number) + expected, 5)
      expect(metric).toBeCloseTo(base as number, 6)
      const after = (await m.gradients(x, y)).weights
      for (const [at, w] of kernel.entries()) {
        const [own, without] = [after['dense/kernel'], before['dense/kernel']].map((each) => each?.data[at] as number)
        expect(own).toBeCloseTo((without as number) + slope(w), 5)
      }
      expect(after['dense/bias']).toEqual(before['dense/bias'])
      const { history } = await m.fit(x, y, { epochs: 1, batchSize: 4 })
      expect(history.loss?.[0]).toBeCloseTo(loss, 5)
      m.dispose()
    }
    plain.dispose()
  })

  it('count in an epoch of unequal batches as the loss does', async () => {
    const m = sequential([layers.dense({ units: 1, inputShape: [2], kernelRegularizer: 'l2' })])
    m.compile({ optimizer: sgd(0), loss: 'mse' })
    const [x, y] = [waves([5, 2]), waves([5, 1])]
    const [whole] = (await m.evaluate(x, y, { batchSize: 5 })) as number[]
    const [parts] = (await m.evaluate(x, y, { batchSize: 2 })) as number[]
    expect(parts).toBeCloseTo(whole as number, 6)
    const { history } = await m.fit(x, y, { epochs: 1, batchSize: 2 })
    expect(history.loss?.[0]).toBeCloseTo(whole as number, 6)
    m.dispose()
  })

  it('of embeddings reach rows that a batch does not use', async () => {
    const make = (regularizer: regularizers.Regularizer | null) =>
      sequential(
        [
          layers.embedding({ inputDim: 4, outputDim: 2, embeddingsRegularizer: regularizer }),
          layers.lstm({ units: 2 }),
          layers.dense({ units: 1 }),
        ],
        { seed: 1 },
      )
    const m = make(regularizers.l2(0.5))
    m.compile({ optimizer: sgd(), loss: 'mse' })
    const table = m.getWeights()[0]?.data as Float32Array
    await m.trainOnBatch([[1, 2]], [[0.5]])
    const trained = m.getWeights()[0]?.data as Float32Array
    for (const at of [0, 1, 6, 7]) expect(trained[at]).toBeCloseTo((table[at] as number) * 0.9, 6)
    m.dispose()
  })

  it('of a frozen layer ask for nothing, as in Keras', async () => {
    const rules = { kernelRegularizer: 'l2', kernelConstraint: constraints.maxNorm(0.01) } as const
    const m = sequential([layers.dense({ units: 1, inputShape: [2], trainable: false, ...rules })], { seed: 1 })
    const plain = sequential([layers.dense({ units: 1, inputShape: [2], trainable: false })], { seed: 1 })
    const [x, y] = [waves([5, 2]), waves([5, 1])] as never[]
    for (const each of [m, plain]) each.compile({ optimizer: sgd(), loss: 'mse' })
    expect(await lossOf(m, x as never, y as never)).toBe(await lossOf(plain, x as never, y as never))
    await m.trainOnBatch(x as never, y as never)
    expect(m.getWeights()).toEqual(plain.getWeights())
    for (const each of [m, plain]) each.dispose()
  })

  it('of outputs leave padding out', async () => {
    const make = (activityRegularizer: 'l2' | null) => {
      const layer = layers.simpleRNN({ units: 3, returnSequences: true, inputShape: [null, 2], activityRegularizer })
      const m = sequential([layer], { seed: 1 })
      m.compile({ optimizer: sgd(), loss: 'mse' })
      return m
    }
    const [m, plain] = [make('l2'), make(null)]
    const ragged = [
      [
        [1, 2],
        [0.5, -1],
      ],
      [[2, 1]],
    ]
    const y = ragged.map((row) => row.map(() => [0, 0, 0]))
    const { data } = await plain.predict(ragged)
    const difference =
      (await lossOf(m, ragged as never, y as never)) - (await lossOf(plain, ragged as never, y as never))
    expect(difference).toBeCloseTo((0.01 * squares(data)) / 2, 6)
    for (const each of [m, plain]) each.dispose()
  })

  it('may be asked of the weights of cells of one’s own', async () => {
    const cell = defineCell({
      states: { h: 2 },
      weights: { kernel: { shape: ['features', 2], regularizer: regularizers.l2(0.5), constraint: 'nonNeg' } },
      step: ({ x, h }, w) => ({ h: x.matmul(w.kernel).add(h).tanh() }),
    })
    const m = sequential([layers.rnn({ cell, inputShape: [null, 2] })], { seed: 2 })
    m.compile({ optimizer: sgd(), loss: 'mse' })
    const kernel = m.getWeights()[0]?.data as Float32Array
    const [x, y] = [waves([2, 3, 2]), waves([2, 2])]
    const [loss] = (await m.evaluate(x, y)) as number[]
    const { data } = await m.predict(x)
    const mse = squares(data.map((value, at) => value - (y.data[at] as number))) / 4
    expect(loss).toBeCloseTo(mse + 0.5 * squares(kernel), 5)
    await m.save(join(folder, 'cell'))
    const again = await loadModel(join(folder, 'cell'))
    for (const each of [m, again]) {
      await each.trainOnBatch(x, y)
      const [trained] = each.getWeights()
      expect(Math.min(...((trained as Tensor).data as Float32Array))).toBeGreaterThanOrEqual(0)
    }
    expect(again.getWeights()).toEqual(m.getWeights())
    for (const each of [m, again]) each.dispose()
  })

  it('refuse what is none, with a message that says what is', () => {
    const dense = (options: object) => () => layers.dense({ units: 1, ...options } as never)
    expect(dense({ kernelRegularizer: 'l3' })).toThrow(/kernelRegularizer must be a regularizer: 'l1', 'l2', what/)
    expect(dense({ kernelRegularizer: { kind: 'l2', l2: -1 } })).toThrow(/regularizers.l2: l2 must be/)
    expect(dense({ biasConstraint: 'max' })).toThrow(/biasConstraint must be a constraint: one of 'maxNorm'/)
    expect(dense({ recurrentRegularizer: 'l2' })).toThrow(/no option 'recurrentRegularizer'/)
    expect(dense({ tiedTo: 'table', kernelRegularizer: 'l2' })).toThrow(/table of 'table'/)
    expect(() => regularizers.l1(Number.NaN)).toThrow(/l1 must be a finite number/)
    expect(() => constraints.minMaxNorm({ minValue: 2 })).toThrow(/minValue 2 is above maxValue 1/)
    expect(() => constraints.maxNorm({ axis: 0.5 })).toThrow(/axis must be an integer or an array/)
    const m = sequential([
      layers.dense({ units: 1, inputShape: [2], biasConstraint: constraints.unitNorm({ axis: 1 }) }),
    ])
    expect(() => m.compile({ optimizer: 'sgd', loss: 'mse' })).toThrow(/dense\/bias\/constraint/)
  })
})

describe('constraints', () => {
  const step = async (constraint: constraints.Constraint | constraints.ConstraintName, scale: number) => {
    const m = sequential([layers.dense({ units: 2, useBias: false, inputShape: [3], kernelConstraint: constraint })])
    m.setWeights([waves([3, 2]).data.map((value) => value * scale)].map((data) => tensor(data, [3, 2])))
    m.compile({ optimizer: sgd(0), loss: 'mse' })
    const before = m.getWeights()[0]?.data as Float32Array
    await m.trainOnBatch(waves([2, 3]), waves([2, 2]))
    const after = m.getWeights()[0]?.data as Float32Array
    m.dispose()
    return { before, after }
  }
  const norms = (kernel: Float32Array) =>
    [0, 1].map((unit) => Math.hypot(...[0, 1, 2].map((row) => kernel[2 * row + unit] as number)))

  it('hold after every step', async () => {
    const large = await step(constraints.maxNorm(0.5), 1)
    const before = norms(large.before)
    for (const [at, norm] of norms(large.after).entries())
      expect(norm).toBeCloseTo(Math.min(before[at] as number, 0.5), 5)
    expect(Math.max(...before)).toBeGreaterThan(0.5)
    const small = await step('maxNorm', 0.1)
    for (const [at, value] of small.after.entries()) expect(value).toBeCloseTo(small.before[at] as number, 6)
    for (const norm of norms((await step('unitNorm', 0.01)).after)) expect(norm).toBeCloseTo(1, 4)
    const positive = await step('nonNeg', 1)
    expect([...positive.after]).toEqual([...positive.before].map((value) => Math.max(value, 0)))
    const slow = await step(constraints.minMaxNorm({ minValue: 3, maxValue: 4, rate: 0.25 }), 1)
    const [old, now] = [norms(slow.before), norms(slow.after)]
    for (const [at, norm] of now.entries()) expect(norm).toBeCloseTo(0.25 * 3 + 0.75 * (old[at] as number), 4)
    const whole = await step(constraints.unitNorm({ axis: [0, 1] }), 1)
    expect(squares(whole.after)).toBeCloseTo(1, 5)
  })

  it('give the same with any number of threads, and when a training is resumed', async () => {
    const make = () => {
      const rules = { kernelConstraint: constraints.maxNorm(0.4), recurrentConstraint: 'unitNorm' } as const
      const m = sequential([layers.gru({ units: 3, inputShape: [null, 2], ...rules }), layers.dense({ units: 1 })], {
        seed: 4,
      })
      m.compile({ optimizer: 'adam', loss: 'mse' })
      return m
    }
    const [x, y] = [waves([8, 4, 2]), waves([8, 1])]
    const whole = make()
    await whole.fit(x, y, { epochs: 4, batchSize: 4, shuffle: false })
    const first = make()
    await first.fit(x, y, { epochs: 2, batchSize: 4, shuffle: false })
    const second = await loadModel(await first.toBytes())
    await second.fit(x, y, { epochs: 4, initialEpoch: 2, batchSize: 4, shuffle: false })
    expect(second.getWeights()).toEqual(whole.getWeights())
    for (const each of [whole, first, second]) each.dispose()
  })
})
