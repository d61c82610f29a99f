import { tensor } from 'seqloom'
import { afterEach, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { regression, tokenClassifier, wave, weightValues } from '../helpers/models.js'

const sequences = () => tensor(wave(4 * 3 * 2), [4, 3, 2])
const targets = () => tensor(wave(4), [4, 1])
const tokens = [
  [1, 2, 3],
  [4, 5, 6],
]

afterEach(async () => {
  // Whatever came before, the package still works.
  const { data } = await tokenClassifier().predict(tokens)
  expect(data.every(Number.isFinite)).toBe(true)
})

describe('shapes', () => {
  it('refuses ragged rows where the time is fixed', () =>
    expectCoded(
      () =>
        regression({ time: 3 }).predict([
          [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
          [[1, 2]],
        ]),
      ['ERR_SHAPE', 'ERR_DATA'],
      /3/,
    ))

  it('refuses rows whose features differ in number', () =>
    expectCoded(() => regression().predict([[[1, 2], [3]], [[5, 6]]]), ['ERR_SHAPE', 'ERR_DATA'], /2/))

  it('refuses a wrong number of features, naming what came and what was expected', () =>
    expectCoded(() => regression().predict(tensor(wave(12), [2, 2, 3])), 'ERR_SHAPE', /3/, /2/))

  it('refuses a wrong rank', () => expectCoded(() => regression().predict(tensor(wave(6), [3, 2])), 'ERR_SHAPE'))

  it('refuses data that does not fill its shape', () =>
    expectCoded(() => tensor(wave(5), [2, 3]), ['ERR_SHAPE', 'ERR_DATA'], /5/, /6/))

  it('refuses shapes that are not whole, finite and positive numbers', async () => {
    for (const shape of [[-1, 6], [1.5, 4], [Number.NaN], [Number.POSITIVE_INFINITY], [2 ** 53, 2 ** 53]])
      await expectCoded(() => tensor(wave(6), shape), ['ERR_SHAPE', 'ERR_DATA', 'ERR_OPTION', 'ERR_MEMORY'])
  })

  it('refuses targets of another number of rows', () =>
    expectCoded(() => regression().fit(sequences(), tensor(wave(3), [3, 1])), ['ERR_SHAPE', 'ERR_DATA'], /4/, /3/))

  it('refuses no rows at all', async () => {
    const empty = () => tensor(new Float32Array(0), [0, 3, 2])
    const codes = ['ERR_DATA', 'ERR_SHAPE'] as const
    await expectCoded(() => regression().predict(empty()), codes)
    await expectCoded(() => regression().predictSync(empty()), codes)
    await expectCoded(() => regression().fit(empty(), tensor(new Float32Array(0), [0, 1])), codes)
    await expectCoded(() => regression().evaluate(empty(), tensor(new Float32Array(0), [0, 1])), codes)
    await expectCoded(() => tokenClassifier().predict([]), codes)
  })

  it('refuses a row without steps, and lengths outside the padded time', async () => {
    await expectCoded(() => tokenClassifier().predict([[1, 2], []]), 'ERR_DATA', /length|empty|step/i)
    for (const lengths of [
      [3, 0],
      [4, 1],
      [-1, 2],
      [1.5, 2],
      [3, 3, 3],
    ])
      await expectCoded(
        () => regression().predict(tensor(wave(12), [2, 3, 2], { lengths })),
        ['ERR_DATA', 'ERR_SHAPE'],
        /length/i,
      )
  })
})

describe('values', () => {
  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
  ])('refuses %s in the input of fit, evaluate, predict and trainOnBatch', async (_, value) => {
    const poisoned = () => {
      const data = wave(4 * 3 * 2)
      data[13] = value
      return tensor(data, [4, 3, 2])
    }
    const m = regression()
    const before = weightValues(m)
    const codes = ['ERR_DATA', 'ERR_NUMERIC'] as const
    await expectCoded(() => m.fit(poisoned(), targets(), { epochs: 1 }), codes)
    await expectCoded(() => m.trainOnBatch(poisoned(), targets()), codes)
    await expectCoded(() => m.evaluate(poisoned(), targets()), codes)
    await expectCoded(() => m.predict(poisoned()), codes)
    await expectCoded(() => m.predictSync(poisoned()), codes)
    expect(weightValues(m)).toEqual(before)
  })

  it('names row, step and feature, wherever the batches end, and trains on nothing before', async () => {
    const m = regression()
    const before = weightValues(m)
    const data = wave(100 * 3 * 2)
    data[70 * 6 + 3] = Number.NaN
    const x = tensor(data, [100, 3, 2])
    const y = tensor(wave(100), [100, 1])
    const place = /NaN.*row 70, step 1, feature 1|row 70, step 1, value 1 is NaN/
    await expectCoded(() => m.fit(x, y, { epochs: 1, batchSize: 8, shuffle: false }), 'ERR_DATA', place)
    await expectCoded(() => m.evaluate(x, y, { batchSize: 8 }), 'ERR_DATA', place)
    await expectCoded(() => m.predict(x, { batchSize: 8 }), 'ERR_DATA', place)
    expect(weightValues(m)).toEqual(before)
  })

  it('refuses NaN in weights that are set, and keeps the old ones', async () => {
    const m = regression()
    const before = weightValues(m)
    const weights = m.getWeights()
    ;(weights[0] as { data: Float32Array }).data[1] = Number.NaN
    await expectCoded(() => m.setWeights(weights), 'ERR_DATA', /reader\/kernel.*NaN/)
    expect(weightValues(m)).toEqual(before)
  })

  it('refuses NaN in the targets', async () => {
    const m = regression()
    const before = weightValues(m)
    const y = tensor(Float32Array.of(0, Number.NaN, 0, 0), [4, 1])
    await expectCoded(() => m.fit(sequences(), y, { epochs: 1 }), ['ERR_DATA', 'ERR_NUMERIC'])
    expect(weightValues(m)).toEqual(before)
  })

  it.each([
    ['above', 10],
    ['negative', -1],
    ['huge', 2 ** 31 - 1],
  ])('refuses a token outside the vocabulary (%s), naming layer, row, position and size', (_, id) =>
    expectCoded(
      () =>
        tokenClassifier().predict([
          [1, 2, 3],
          [4, 5, id],
        ]),
      'ERR_DATA',
      /words/,
      new RegExp(`token ${id}\\b`),
      /row 1/,
      /(position|step) 2/,
      /\b(9|10)\b/,
    ),
  )

  it('refuses a token outside the vocabulary while training, and keeps the weights', async () => {
    const m = tokenClassifier()
    const before = weightValues(m)
    await expectCoded(() => m.fit([[1, 2, 77]], [0], { epochs: 1 }), 'ERR_DATA', /words/, /77/)
    await expectCoded(() => m.trainOnBatch([[1, 2, 77]], [0]), 'ERR_DATA', /77/)
    expect(weightValues(m)).toEqual(before)
  })

  it.each([3, -1])('refuses the label %i of three classes', async (label) => {
    const m = tokenClassifier()
    const before = weightValues(m)
    await expectCoded(() => m.fit(tokens, [0, label], { epochs: 1 }), 'ERR_DATA', new RegExp(String(label)), /3/)
    await expectCoded(() => m.evaluate(tokens, [0, label]), 'ERR_DATA', new RegExp(String(label)))
    await expectCoded(() => m.trainOnBatch(tokens, [0, label]), 'ERR_DATA', new RegExp(String(label)))
    expect(weightValues(m)).toEqual(before)
  })
})

describe('types', () => {
  it('refuses fractional tokens', () =>
    expectCoded(() => tokenClassifier().predict([[1, 2.5, 3]]), ['ERR_DATA', 'ERR_SHAPE'], /2\.5|integer|int32/i))

  it('refuses fractional labels', () =>
    expectCoded(() => tokenClassifier().fit(tokens, [0, 0.5]), 'ERR_DATA', /0\.5|integer|int32/i))

  it('refuses 64-bit integers', () =>
    expectCoded(() => tensor(BigInt64Array.of(1n, 2n) as never, [2]), ['ERR_DATA', 'ERR_OPTION']))

  it('refuses what is not an array of numbers', async () => {
    const things: unknown[] = [
      'text',
      7,
      null,
      undefined,
      {},
      () => 1,
      Symbol('x'),
      [['a', 'b']],
      [[null]],
      [[{}]],
      new Map(),
      [1n],
    ]
    for (const thing of things)
      await expectCoded(() => tokenClassifier().predict(thing as never), ['ERR_DATA', 'ERR_SHAPE', 'ERR_OPTION'])
  })

  it('refuses an array that holds itself', async () => {
    const loop: unknown[] = []
    loop.push(loop)
    await expectCoded(() => tokenClassifier().predict(loop as never), ['ERR_DATA', 'ERR_SHAPE'])
  })

  it('refuses a detached buffer', async () => {
    const data = wave(12)
    const whole = tensor(data, [2, 3, 2])
    structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] })
    await expectCoded(() => regression().predict(whole), ['ERR_DATA', 'ERR_SHAPE'], /detached|12/i)
    await expectCoded(() => tensor(data, [2, 3, 2]), ['ERR_DATA', 'ERR_SHAPE'], /detached|12/i)
  })

  it('reads nothing beyond a subarray', async () => {
    const part = wave(20).subarray(4, 16)
    const m = regression()
    const direct = await m.predict(tensor(part, [2, 3, 2]))
    const copied = await m.predict(tensor(Float32Array.from(part), [2, 3, 2]))
    expect(direct.data).toEqual(copied.data)
  })
})

describe('training', () => {
  it('stops at a loss that is no number, naming the step, and keeps the weights of the step before', async () => {
    const m = regression({ learningRate: 1e30 })
    const x = sequences()
    const y = targets()
    const seen: number[][][] = [weightValues(m)]
    let message = ''
    for (let step = 0; step < 50 && message === ''; step++) {
      try {
        await m.trainOnBatch(x, y)
        seen.push(weightValues(m))
      } catch (error) {
        expect((error as { code?: string }).code).toBe('ERR_NUMERIC')
        message = (error as Error).message
      }
    }
    expect(message).toMatch(/step/i)
    expect(weightValues(m)).toEqual(seen.at(-1))
    expect(weightValues(m).flat().every(Number.isFinite)).toBe(true)
  })

  it('rejects fit when the loss becomes NaN, and keeps finite weights', async () => {
    const m = regression({ learningRate: 1e30 })
    await expectCoded(
      () => m.fit(sequences(), targets(), { epochs: 50, batchSize: 2 }),
      'ERR_NUMERIC',
      /step|batch/i,
      /epoch/i,
    )
    expect(weightValues(m).flat().every(Number.isFinite)).toBe(true)
  })

  it('refuses another fit, and setWeights, while fit runs', async () => {
    const m = regression()
    const x = tensor(wave(400 * 20 * 2), [400, 20, 2])
    const y = tensor(wave(400), [400, 1])
    const running = m.fit(x, y, { epochs: 3, batchSize: 4 })
    await expectCoded(() => m.fit(x, y), 'ERR_STATE')
    await expectCoded(() => m.predict(x), 'ERR_STATE')
    await running
    await m.fit(x, y, { epochs: 1 })
  })

  it('rejects with what a callback throws', async () => {
    const m = regression()
    const callback = {
      onEpochEnd: () => {
        throw new RangeError('from the callback')
      },
    }
    await expect(m.fit(sequences(), targets(), { epochs: 3, callbacks: [callback] })).rejects.toThrow(
      'from the callback',
    )
    await m.fit(sequences(), targets(), { epochs: 1 })
  })

  it('refuses to fit before compile', async () => {
    const { sequential, layers } = await import('seqloom')
    const m = sequential([layers.dense({ units: 1, inputShape: [2] })])
    await expectCoded(() => m.fit([[1, 2]], [[1]]), 'ERR_STATE', /compile/)
  })
})
