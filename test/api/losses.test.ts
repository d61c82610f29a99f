import {
  type CompileOptions,
  type Data,
  input,
  interop,
  layers,
  loadModel,
  losses,
  type Model,
  metrics,
  model,
  type SymbolicValue,
  sequential,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

type Options = Omit<CompileOptions, 'optimizer'>

/** A model whose output is its input. */
function passing(shape: readonly (number | null)[], options: Options): Model {
  const width = shape.at(-1) as number
  const m = sequential([layers.dense({ units: width, useBias: false, inputShape: [...shape] })], { seed: 1 })
  const identity = Float32Array.from({ length: width * width }, (_, i) => Number(i % (width + 1) === 0))
  m.setWeights([tensor(identity, [width, width])])
  m.compile({ optimizer: 'sgd', ...options })
  return m
}

const close = (got: readonly (number | undefined)[], want: readonly number[]) => {
  expect(got).toHaveLength(want.length)
  for (const [at, value] of want.entries()) expect(got[at], `value ${at}`).toBeCloseTo(value, 5)
}

/** Two outputs that are the two inputs. */
function twin(options: Options): Model {
  const [a, b] = [input({ shape: [null, 2], name: 'a' }), input({ shape: [1], name: 'b' })]
  const same = { useBias: false, kernelInitializer: 'identity' } as const
  const outputs = [
    layers.dense({ units: 2, ...same, name: 'first' }).apply(a),
    layers.dense({ units: 1, ...same, name: 'second' }).apply(b),
  ]
  const m = model({ inputs: [a, b], outputs })
  m.compile({ optimizer: 'sgd', ...options })
  return m
}

const twinX: Data[] = [
  [
    [
      [0.9, 0.1],
      [0.2, 0.8],
    ],
    [
      [0.6, 0.4],
      [0.3, 0.7],
    ],
  ],
  [[1], [3]],
]
const twinY: Data[] = [
  [
    [0, 1],
    [1, 1],
  ],
  [[0], [1]],
]
const entropies = [0.9, 0.8, 0.4, 0.7].map((p) => -Math.log(p))

describe('names of losses', () => {
  it.each([
    ['mse', 'meanSquaredError'],
    ['MAE', 'meanAbsoluteError'],
    ['mape', 'meanAbsolutePercentageError'],
    ['MSLE', 'meanSquaredLogarithmicError'],
    ['bce', 'binaryCrossentropy'],
    ['kld', 'klDivergence'],
  ] as const)('%s is short for %s', async (short, long) => {
    const [x, y] = [[[0.2, 0.7]], [[0.3, 0.6]]]
    const values = [short, long].map((loss) => passing([2], { loss, metrics: [loss] }).evaluateSync(x, y))
    expect(values[0]).toEqual(values[1])
    const [loss, metric] = values[0] as number[]
    expect(metric).toBeCloseTo(loss as number, 6)
  })

  it('that are not here tell why, or what is meant', async () => {
    const make = (loss: unknown) => () => passing([2], { loss: loss as losses.Loss })
    await expectCoded(make('dice'), 'ERR_UNSUPPORTED', /images/)
    await expectCoded(make('circle'), 'ERR_UNSUPPORTED', /rows of a batch/)
    await expectCoded(make('mean_squared_error'), 'ERR_OPTION', /here it is called 'meanSquaredError'/)
    await expectCoded(make('hing'), 'ERR_OPTION', /'hinge'/)
    await expectCoded(make('constructor'), 'ERR_OPTION', /must be one of/)
  })

  it('take options that are in range', async () => {
    const refused: [() => losses.Loss, RegExp][] = [
      [() => losses.binaryFocalCrossentropy({ gamma: -1 }), /gamma/],
      [() => losses.categoricalFocalCrossentropy({ alpha: [1, -1] }), /alpha/],
      [() => losses.categoricalGeneralizedCrossEntropy({ q: 0 }), /q/],
      [() => losses.huber({ delta: 0 }), /delta/],
      [() => losses.sparseCategoricalCrossentropy({ ignoreClass: 0.5 }), /ignoreClass/],
      [() => losses.hinge({ reduction: 'sum_over_batch_size' as 'sum' }), /reduction/],
      [() => losses.poisson({ delta: 1 } as never), /delta/],
    ]
    for (const [call, message] of refused) await expectCoded(call, 'ERR_OPTION', message)
    const alpha = losses.categoricalFocalCrossentropy({ alpha: [1, 2, 3] })
    await expectCoded(
      () => passing([2], { loss: alpha }).evaluateSync([[0.5, 0.5]], [[0, 1]]),
      'ERR_OPTION',
      /3 factors for 2/,
    )
    const none = losses.meanSquaredError({ reduction: 'none' as 'sum' })
    await expectCoded(() => passing([2], { loss: none }), 'ERR_OPTION', /'none' gives no number/)
    expect(losses.meanSquaredError({ name: 'mine', dtype: 'float32' } as object)).toEqual({ kind: 'meanSquaredError' })
  })
})

describe('ignoreClass', () => {
  const x = [
    [0.7, 0.2, 0.1],
    [0.1, 0.1, 0.8],
    [0.3, 0.6, 0.1],
  ]
  const loss = losses.sparseCategoricalCrossentropy({ ignoreClass: -1 })

  it('leaves positions out of the loss and of metrics, whatever the batches', async () => {
    const given = ['accuracy', 'perplexity', 'precision', metrics.topKAccuracy({ k: 2 }), 'crossentropy'] as const
    const m = passing([3], { loss, metrics: given })
    const want = -(Math.log(0.7) + Math.log(0.3)) / 2
    for (const batchSize of [1, 2, 3]) {
      const got = await m.evaluate(x, Int32Array.of(0, -1, 0), { batchSize })
      close(got as number[], [want, 0.5, Math.exp(want), 0.5, 1, want])
    }
  })

  it('weighs nothing in sums of weights', async () => {
    const m = passing([3], {
      loss: losses.sparseCategoricalCrossentropy({ ignoreClass: 2, reduction: 'sum' }),
      weightedMetrics: ['accuracy'],
    })
    const got = await m.evaluate(x, Int32Array.of(0, 2, 0), { sampleWeight: [3, 5, 1] })
    close(got as number[], [-3 * Math.log(0.7) - Math.log(0.3), 0.75])
  })
})

describe('reduction', () => {
  it('sum adds up a batch; an epoch averages batches by their rows', async () => {
    const m = passing([1], { loss: losses.meanAbsoluteError({ reduction: 'sum' }) })
    const [x, y] = [
      [[1], [2], [3]],
      [[0], [0], [0]],
    ]
    close([...(await m.testOnBatch(x, y))], [6])
    close((await m.evaluate(x, y, { batchSize: 2 })) as number[], [(3 * 2 + 3) / 3])
    const before = m.getWeights()[0]?.data[0] as number
    m.learningRate = 0.1
    await m.trainOnBatch(x, y)
    close([m.getWeights()[0]?.data[0]], [before - 0.1 * 6])
  })
})

describe('sample weights', () => {
  const x = [[[1], [2], [4]], [[8]]]
  const y = [[[0], [0], [0]], [[0]]]
  const loss = 'mae' as const

  it('of steps, also ragged ones', async () => {
    const m = passing([null, 1], { loss, metrics: ['mae'], weightedMetrics: ['mae'] })
    const sampleWeight = [[1, 0, 2], [3]]
    for (const batchSize of [1, 2]) {
      const got = await m.evaluate(x, y, { sampleWeight, batchSize })
      close(got as number[], [33 / 4, 15 / 4, 33 / 6])
    }
    // Weights of rows stand for all of their steps, before and after.
    close((await m.evaluate(x, y, { sampleWeight: [1, 2] })) as number[], [23 / 4, 15 / 4, 23 / 5])
    close((await m.evaluate(x, y)) as number[], [15 / 4, 15 / 4, 15 / 4])
    const whole = tensor(Float32Array.of(1, 0, 2, 3, 9, 9), [2, 3])
    close((await m.evaluate(x, y, { sampleWeight: whole })) as number[], [33 / 4, 15 / 4, 33 / 6])
  })

  it('train as repeated steps would', async () => {
    const [a, b] = [
      passing([null, 1], { loss: losses.meanSquaredError({ reduction: 'sum' }) }),
      passing([null, 1], { loss: losses.meanSquaredError({ reduction: 'sum' }) }),
    ]
    const options = { epochs: 2, shuffle: false, validationData: [x, y, [[0, 1, 0], [1]]] as const }
    const first = await a.fit(x, y, { ...options, sampleWeight: [[2, 1, 0], [1]] })
    const second = await b.fit([[[1], [1], [2]], [[8]]], [[[0], [0], [0]], [[0]]], { ...options })
    close(first.history.loss as number[], second.history.loss as number[])
    close(first.history.val_loss as number[], second.history.val_loss as number[])
  })

  it('of each output', async () => {
    const m = twin({
      loss: ['sparseCategoricalCrossentropy', 'mse'],
      weightedMetrics: [['accuracy'], null],
      lossWeights: { second: 0.5 },
    })
    const [e0, e1, e2, e3] = entropies as [number, number, number, number]
    const sampleWeight = {
      first: [
        [1, 2],
        [0, 4],
      ],
      second: [3, 1],
    }
    const got = await m.evaluate(twinX, twinY, { sampleWeight })
    const [first, second] = [(e0 + 2 * e1 + 4 * e3) / 4, (3 * 1 + 4) / 2]
    close(got as number[], [first + 0.5 * second, first, second, 1])
    close((await m.evaluate(twinX, twinY, { sampleWeight: [sampleWeight.first, null] })) as number[], [
      first + 0.5 * 2.5,
      first,
      2.5,
      1,
    ])
    const all = (2 * (e0 + e1) + e2 + e3) / 4
    close((await m.evaluate(twinX, twinY, { sampleWeight: [2, 1] })) as number[], [all + 0.5 * 3, all, 3, 5 / 6])
    await expectCoded(() => m.evaluate(twinX, twinY, { sampleWeight: { third: [1, 1] } }), 'ERR_DATA', /third/)
    await expectCoded(
      () => m.evaluate(twinX, twinY, { sampleWeight: [[1, 2, 3, 4]] as never }),
      'ERR_DATA',
      /sampleWeight/,
    )
    await expectCoded(() => m.evaluate(twinX, twinY, { sampleWeight: { second: ['a', 1] as never } }), 'ERR_DATA')
  })
})

describe('class weights', () => {
  const weightsOf = (m: Model) => m.getWeights().map(({ data }) => [...data])

  it('of each output train as sample weights do', async () => {
    const options: Options = { loss: { first: 'sparseCategoricalCrossentropy', second: 'hinge' } }
    const [a, b, c] = [twin(options), twin(options), twin(options)]
    const fit = { epochs: 2, shuffle: false }
    await a.fit(twinX, twinY, { ...fit, classWeight: { first: { 0: 3 }, second: { 1: 5, 0: 2 } } })
    await b.fit(twinX, twinY, {
      ...fit,
      sampleWeight: {
        first: [
          [3, 1],
          [1, 1],
        ],
        second: [2, 5],
      },
    })
    await c.fit(twinX, twinY, { ...fit, classWeight: [{ 0: 3 }, { 1: 5, 0: 2 }] })
    expect(weightsOf(a)).toEqual(weightsOf(b))
    expect(weightsOf(a)).toEqual(weightsOf(c))
    await expectCoded(() => a.fit(twinX, twinY, { classWeight: { 0: 1 } }), 'ERR_OPTION', /by its name/)
    await expectCoded(
      () => a.fit(twinX, twinY, { classWeight: { first: { 7: 1 } } as never }),
      'ERR_OPTION',
      /classes are 0 to 1/,
    )
  })

  it('are for focal losses and functions, too, and leave validation alone', async () => {
    const x = [[0.9], [0.2], [0.6], [0.3]]
    const y = [[1], [0], [0], [1]]
    const own = (yTrue: SymbolicValue, yPred: SymbolicValue) => yTrue.sub(yPred).square()
    for (const loss of ['binaryFocalCrossentropy', own] as const) {
      const [a, b] = [passing([1], { loss }), passing([1], { loss })]
      const split = { validationSplit: 0.25, shuffle: false }
      const first = await a.fit(x, y, { ...split, classWeight: { 1: 4 } })
      const second = await b.fit(x, y, { ...split, sampleWeight: [4, 1, 1, 1] })
      expect(first.history).toEqual(second.history)
      expect(weightsOf(a)).toEqual(weightsOf(b))
    }
  })
})

describe('compile', () => {
  it('takes metrics in every form', async () => {
    const own = (yTrue: SymbolicValue, yPred: SymbolicValue) => yPred.sub(yTrue).abs()
    const loss = ['sparseCategoricalCrossentropy', 'mse'] as const
    const names = async (options: object) =>
      Object.keys((await twin({ loss, ...options }).evaluate(twinX, twinY, { returnDict: true })) as object)
    const base = ['loss', 'first_loss', 'second_loss']
    expect(await names({ metrics: 'precision' })).toEqual([...base, 'first_precision', 'second_precision'])
    expect(await names({ metrics: [['accuracy'], ['mae', own]] })).toEqual([
      ...base,
      'first_accuracy',
      'second_mae',
      'second_own',
    ])
    expect(await names({ metrics: { second: 'mae' }, weightedMetrics: { second: ['mae', own] } })).toEqual([
      ...base,
      'second_mae',
      'second_weighted_mae',
      'second_own',
    ])
    expect(await names({ metrics: null, weightedMetrics: null, lossWeights: null })).toEqual(base)
    expect(await names({ runEagerly: true, jitCompile: true, autoScaleLoss: false, stepsPerExecution: 4 })).toEqual(
      base,
    )
    await expectCoded(() => twin({ loss, metrics: [['mae']] }), 'ERR_OPTION', /2 outputs/)
    await expectCoded(() => twin({ loss, lossWeights: 2 }), 'ERR_OPTION', /lossWeights/)
    await expectCoded(() => twin({ loss, weightedMetrics: 3 as never }), 'ERR_OPTION', /weightedMetrics/)
    const half = passing([1], { loss: 'mse', lossWeights: 0.5 })
    close((await half.evaluate([[2]], [[0]])) as number[], [2])
  })

  it('keeps weighted metrics and functions in saved models', async () => {
    const own = (yTrue: SymbolicValue, yPred: SymbolicValue) => yPred.sub(yTrue).square()
    const m = passing([1], { loss: 'mse', metrics: ['mae'], weightedMetrics: [own, 'mae', 'r2Score'] })
    const [x, y, options] = [[[1], [2], [5]], [[0], [2], [4]], { sampleWeight: [3, 1, 1], returnDict: true }] as const
    const again = await loadModel(await m.toBytes())
    const got = await m.evaluate(x, y, options)
    expect(await again.evaluate(x, y, options)).toEqual(got)
    const { own: mean, weighted_mae, r2Score } = got as unknown as Record<string, number>
    close([mean, weighted_mae, r2Score], [0.8, 0.8, 1 - 4 / (20 - 36 / 5)])
  })
})

describe('R²', () => {
  it('is 0 of targets that are all alike, whatever is rounded', async () => {
    const m = passing([1], { loss: 'mse', metrics: ['r2Score'] })
    for (const target of [-1.7349495887756348, 0.1, 1234.567]) {
      for (const rows of [1, 7]) {
        const [x, y] = [0.25, target].map((value) => Array(rows).fill([value]) as number[][])
        expect(await m.evaluate(x as number[][], y as number[][])).toEqual([expect.any(Number), 0])
      }
    }
  })
})

describe('a loss in an ONNX file', () => {
  it('is refused where it depends on how many positions count', async () => {
    for (const loss of [
      losses.sparseCategoricalCrossentropy({ ignoreClass: 0 }),
      losses.sparseCategoricalCrossentropy({ reduction: 'sum' }),
    ]) {
      await expectCoded(
        () => interop.toOnnx(passing([3], { loss }), undefined, { loss: true }),
        'ERR_UNSUPPORTED',
        /ignoreClass/,
      )
    }
  })
})
