import {
  type CompileOptions,
  callbacks,
  type Data,
  input,
  layers,
  losses,
  metrics,
  model,
  type SymbolicTensor,
  type SymbolicValue,
  sequential,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { warnings } from '../helpers/warnings.js'

type Activation = 'sigmoid' | 'softmax' | 'relu'

/** A model whose output is its input, after an activation. */
function passing(width: number, options: Omit<CompileOptions, 'optimizer'>, activation?: Activation, timed = false) {
  const shape = timed ? [null, width] : [width]
  const dense = { units: width, useBias: false, ...(activation && { activation }) }
  const m = sequential([layers.dense({ ...dense, inputShape: shape })], { seed: 1 })
  const identity = Float32Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0))
  m.setWeights([tensor(identity, [width, width])])
  m.compile({ optimizer: 'sgd', ...options })
  return m
}

const column = (values: number[]) => tensor(Float32Array.from(values), [values.length, 1])
const logit = (p: number) => Math.log(p / (1 - p))

/** The values of all metrics, whatever the size of the batches. */
async function measured(m: ReturnType<typeof passing>, x: Data, y: Data): Promise<number[]> {
  const [, ...whole] = await m.evaluate(x, y, { batchSize: 64 })
  for (const batchSize of [1, 3]) {
    const [, ...parts] = await m.evaluate(x, y, { batchSize })
    for (const [at, value] of whole.entries()) expect(parts[at]).toBeCloseTo(value, 6)
  }
  const [, ...batch] = await m.testOnBatch(x, y)
  for (const [at, value] of whole.entries()) expect(batch[at]).toBeCloseTo(value, 6)
  return whole
}

function close(got: number[], want: number[]) {
  expect(got).toHaveLength(want.length)
  for (const [at, value] of want.entries()) expect(got[at], `metric ${at}`).toBeCloseTo(value, 5)
}

describe('accuracy', () => {
  it('of logits is that of their signs', async () => {
    const x = column([0.4, 0.3, 0.2, -0.1])
    const y = column([1, 1, 1, 0])
    const loss = losses.binaryCrossentropy({ fromLogits: true })
    const named = passing(1, { loss, metrics: ['accuracy', metrics.binaryAccuracy({ name: 'own' })] })
    expect(await measured(named, x, y)).toEqual([1, 1])
    // What is given is compared with predictions as they are.
    const given = [metrics.binaryAccuracy({ threshold: 0.25 }), metrics.accuracy({ fromLogits: false })]
    expect(await measured(passing(1, { loss, metrics: given }), x, y)).toEqual([0.75, 0.25])
    expect(await measured(passing(1, { loss: 'binaryCrossentropy', metrics: ['accuracy'] }, 'sigmoid'), x, y)).toEqual([
      1,
    ])
    const squared = { loss: 'mse', metrics: [metrics.accuracy({ fromLogits: true })] } as const
    expect(await measured(passing(1, squared), x, y)).toEqual([1])
  })

  it('of several yes-no outputs counts each', async () => {
    const loss = losses.binaryCrossentropy({ fromLogits: true })
    const m = passing(2, { loss, metrics: ['accuracy'] })
    expect(
      await measured(
        m,
        [
          [0.4, -2],
          [0.1, 0.1],
        ],
        [
          [1, 0],
          [1, 0],
        ],
      ),
    ).toEqual([0.75])
  })
})

describe('callbacks', () => {
  it('know that more of these is better', async () => {
    const m = passing(1, { loss: 'binaryCrossentropy', metrics: ['precision', 'recall', 'f1', 'auc'] }, 'sigmoid')
    for (const monitor of ['precision', 'recall', 'f1', 'auc', 'val_f1']) {
      const watch = callbacks.earlyStopping({ monitor, patience: 1 })
      let ended = -1
      const rising = {
        onEpochEnd: (epoch: number, logs: Record<string, number>) => {
          logs[monitor] = epoch / 10
          ended = epoch
        },
      }
      const [x, y] = [column([1, -1, 2, -2]), column([1, 0, 1, 0])]
      const validationData: [Data, Data] = [x, y]
      await m.fit(x, y, { epochs: 4, validationData, callbacks: [rising, watch] })
      expect(ended, monitor).toBe(3)
    }
  })
})

describe('a value that is not known', () => {
  const validationData: [Data, Data] = [column([1, 2]), column([1, 1])]
  const [x, y] = [column([1, -1, 2, -2]), column([1, 0, 1, 0])]

  it.each([
    ['earlyStopping', () => callbacks.earlyStopping({ monitor: 'val_auc', patience: 9 })],
    ['reduceLROnPlateau', () => callbacks.reduceLROnPlateau({ monitor: 'val_auc' })],
  ])('is told of once by %s, which it never is better for', async (name, make) => {
    const m = passing(1, { loss: 'binaryCrossentropy', metrics: ['auc'] }, 'sigmoid')
    const told = await warnings(async () => {
      const { history } = await m.fit(x, y, { epochs: 3, validationData, callbacks: make() })
      expect(history.val_auc).toEqual([Number.NaN, Number.NaN, Number.NaN])
      expect(history.auc).toEqual([1, 1, 1])
    })
    expect(told.map(({ code }) => code)).toEqual(['WARN_MONITOR'])
    expect(told[0]?.message).toMatch(new RegExp(`^callbacks\\.${name}: 'val_auc' is NaN`))
  })
})

describe('precision, recall, F1 and AUC', () => {
  // scikit-learn 1.5: precision 2/3, recall 2/4, F1 4/7, roc_auc 11/16.
  const scores = [0.9, 0.8, 0.7, 0.4, 0.35, 0.3, 0.2, 0.1]
  const truth = [1, 0, 1, 1, 0, 0, 1, 0]
  const all = ['precision', 'recall', 'f1', 'auc'] as const

  it('of yes-no decisions, from probabilities and logits', async () => {
    const want = [2 / 3, 0.5, 4 / 7, 11 / 16]
    const x = column(scores.map(logit))
    const y = column(truth)
    close(await measured(passing(1, { loss: 'binaryCrossentropy', metrics: all }, 'sigmoid'), x, y), want)
    const loss = losses.binaryCrossentropy({ fromLogits: true })
    close(await measured(passing(1, { loss, metrics: all }), x, y), want)
    close(await measured(passing(1, { loss: 'mse', metrics: all }), column(scores), y), want)
    const low = [metrics.precision({ threshold: 0.25 }), metrics.recall({ threshold: 0.25 })]
    close(await measured(passing(1, { loss: 'mse', metrics: low }), column(scores), y), [0.5, 0.75])
  })

  it('tell small and large scores apart', async () => {
    const x = column([-20, -19, -18, -17, 17, 18])
    const m = passing(1, { loss: 'binaryCrossentropy', metrics: ['auc'] }, 'sigmoid')
    close(await measured(m, column([-12, -11, -10, -9, -8.5, -8]), column([0, 0, 1, 0, 1, 1])), [8 / 9])
    const loss = losses.binaryCrossentropy({ fromLogits: true })
    close(await measured(passing(1, { loss, metrics: ['auc'] }), x, column([0, 0, 1, 0, 1, 1])), [8 / 9])
    expect(await m.evaluate(x, column([1, 1, 1, 1, 1, 1]))).toEqual([expect.any(Number), Number.NaN])
    close(await measured(m, column([1, 1, 1, 1]), column([1, 0, 1, 0])), [0.5])
  })

  // Decisions 0 0 1 1 2 2 for targets 0 0 0 1 1 2.
  const decided = [0, 0, 1, 1, 2, 2]
  const labels = [0, 0, 0, 1, 1, 2]
  const rows = decided.map((class_) => [0, 1, 2].map((other) => (other === class_ ? 2 : 0)))
  const oneHot = labels.map((class_) => [0, 1, 2].map((other) => (other === class_ ? 1 : 0)))
  const macro = [2 / 3, (2 / 3 + 1 / 2 + 1) / 3, (0.8 + 0.5 + 2 / 3) / 3]

  it('of several classes, as integers and one-hot, from probabilities and logits', async () => {
    const three = ['precision', 'recall', 'f1'] as const
    const sparse = tensor(Int32Array.from(labels), [6])
    const x = tensor(Float32Array.from(rows.flat()), [6, 3])
    const fromLogits = true
    for (const m of [
      passing(3, { loss: 'sparseCategoricalCrossentropy', metrics: three }, 'softmax'),
      passing(3, { loss: losses.sparseCategoricalCrossentropy({ fromLogits }), metrics: three }),
    ]) {
      close(await measured(m, x, sparse), macro)
    }
    for (const m of [
      passing(3, { loss: 'categoricalCrossentropy', metrics: three }, 'softmax'),
      passing(3, { loss: losses.categoricalCrossentropy({ fromLogits }), metrics: three }),
      passing(3, { loss: 'mse', metrics: three }),
    ]) {
      close(await measured(m, x, oneHot), macro)
    }
    const averages = [
      metrics.f1({ average: 'micro', name: 'micro' }),
      metrics.f1({ average: 'weighted', name: 'weighted' }),
      metrics.f1({ classId: 1, name: 'one' }),
      metrics.recall({ topK: 2, average: 'micro' }),
    ]
    const m = passing(3, { loss: 'sparseCategoricalCrossentropy', metrics: averages }, 'softmax')
    const values = await measured(m, x, sparse)
    close(values.slice(0, 3), [4 / 6, (0.8 * 3 + 0.5 * 2 + 2 / 3) / 6, 0.5])
  })

  it('of two classes are those of the second', async () => {
    const x = tensor(Float32Array.from(scores.flatMap((p) => [0, logit(p)])), [8, 2])
    const y = tensor(Int32Array.from(truth), [8])
    const want = [2 / 3, 0.5, 4 / 7, 11 / 16]
    close(await measured(passing(2, { loss: 'sparseCategoricalCrossentropy', metrics: all }, 'softmax'), x, y), want)
    const loss = losses.sparseCategoricalCrossentropy({ fromLogits: true })
    close(await measured(passing(2, { loss, metrics: all }), x, y), want)
  })

  it('AUC of several classes is the mean of each against the others', async () => {
    const p = [
      [0.7, 0.2, 0.1],
      [0.3, 0.4, 0.3],
      [0.2, 0.5, 0.3],
      [0.5, 0.3, 0.2],
      [0.1, 0.2, 0.7],
      [0.3, 0.3, 0.4],
    ]
    const y = [0, 0, 1, 1, 2, 2]
    // By hand: 7/8 − ties: class 0: pairs (.7,.3) over (.2,.5,.1,.3) = 4 + 2.5 = 6.5/8; class 1: (.5,.3) over (.2,.4,.2,.3) = 4 + 2.5; class 2: 8/8.
    const want = [(6.5 / 8 + 6.5 / 8 + 1) / 3]
    const x = tensor(Float32Array.from(p.flat().map(Math.log)), [6, 3])
    const targets = tensor(Int32Array.from(y), [6])
    close(
      await measured(passing(3, { loss: 'sparseCategoricalCrossentropy', metrics: ['auc'] }, 'softmax'), x, targets),
      want,
    )
    const loss = losses.sparseCategoricalCrossentropy({ fromLogits: true })
    close(await measured(passing(3, { loss, metrics: ['auc'] }), x, targets), want)
    close(await measured(passing(3, { loss, metrics: [metrics.auc({ classId: 2 })] }), x, targets), [1])
  })

  it('count valid steps alone, and are the same in history, evaluation and validation', async () => {
    const loss = losses.binaryCrossentropy({ fromLogits: true })
    const m = passing(1, { loss, metrics: all }, undefined, true)
    const x = tensor(Float32Array.of(1, -1, 9, 2, 9, 9), [2, 3, 1], { lengths: [2, 1] })
    const y = tensor(Float32Array.of(1, 1, 0, 0, 0, 0), [2, 3, 1], { lengths: [2, 1] })
    // Scores 1, -1, 2 for 1, 1, 0.
    const want = [0.5, 0.5, 0.5, 0]
    close(await measured(m, x, y), want)
    m.compile({ optimizer: { kind: 'sgd', learningRate: 0 } as never, loss, metrics: all })
    const { history } = await m.fit(x, y, { batchSize: 1, validationData: [x, y], epochs: 1, shuffle: false })
    for (const [at, name] of all.entries()) {
      expect(history[name]?.[0], name).toBeCloseTo(want[at] as number, 6)
      expect(history[`val_${name}`]?.[0], name).toBeCloseTo(want[at] as number, 6)
    }
  })

  it('are those of the whole epoch, also after a resumption', async () => {
    const y = column(truth)
    const x = column(scores.map(logit))
    const options = { loss: 'binaryCrossentropy', metrics: all } as const
    const m = passing(1, options, 'sigmoid')
    const seen: number[] = []
    const count = { onBatchEnd: (_: number, logs: callbacks.Logs) => void seen.push(logs.f1 as number) }
    const { history } = await m.fit(x, y, { batchSize: 3, epochs: 1, shuffle: false, callbacks: [count] })
    expect(seen.at(-1)).toBe(history.f1?.[0])
  })
})

describe('topKAccuracy', () => {
  it('counts targets among the largest predictions', async () => {
    const x = tensor(Float32Array.of(3, 2, 1, 0, 0, 1, 2, 3, 1, 1, 0, 0), [3, 4])
    const loss = losses.sparseCategoricalCrossentropy({ fromLogits: true })
    const k = (k: number) => metrics.topKAccuracy({ k, name: `top${k}` })
    const m = passing(4, { loss, metrics: [k(1), k(2), k(3)] })
    close(await measured(m, x, tensor(Int32Array.of(1, 2, 1), [3])), [1 / 3, 1, 1])
    close(await measured(m, x, tensor(Int32Array.of(2, 1, 3), [3])), [0, 0, 1])
    const oneHot = passing(4, { loss: losses.categoricalCrossentropy({ fromLogits: true }), metrics: [k(2)] })
    close(
      await measured(oneHot, x, [
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
      ]),
      [2 / 3],
    )
  })
})

describe('metrics that cannot be', () => {
  it('are refused where they are given', async () => {
    const make =
      (metric: unknown, loss = 'binaryCrossentropy') =>
      () =>
        passing(1, { loss: loss as 'mse', metrics: [metric] as never }, 'sigmoid')
    await expectCoded(make('topKAccuracy'), 'ERR_OPTION', /several classes/)
    await expectCoded(make(metrics.precision({ classId: 1 })), 'ERR_OPTION', /class 1/)
    await expectCoded(make(metrics.precision({ topK: 2 })), 'ERR_OPTION', /topK/)
    await expectCoded(() => metrics.f1({ average: 'mean' as 'macro' }), 'ERR_OPTION', /average/)
    await expectCoded(() => metrics.topKAccuracy({ k: 0 }), 'ERR_OPTION', /k/)
    await expectCoded(() => metrics.auc({ numThresholds: 1 }), 'ERR_OPTION', /numThresholds/)
    await expectCoded(() => metrics.auc({ labelWeights: [1] } as never), 'ERR_UNSUPPORTED', /labelWeights/)
    await expectCoded(() => metrics.precision({ thresholds: [0.2, 0.4] as never }), 'ERR_OPTION', /thresholds/)
    await expectCoded(make('sensitivityAtSpecificity'), 'ERR_OPTION', /specificity is missing/)
    await expectCoded(make('pearsonCorrelation', 'mse'), 'ERR_OPTION', /last dimension/)
    await expectCoded(make('f1_score'), 'ERR_OPTION', /here it is called 'f1Score'/)
    await expectCoded(make('precison'), 'ERR_OPTION', /'precision', 'recall'/)
    for (const name of ['a\0b', 'a\nb', '\u001b[31m', '\ud800', '', 'a/b']) {
      await expectCoded(() => metrics.f1({ name }), 'ERR_OPTION', /name/)
      await expectCoded(() => layers.dense({ units: 1, name }), 'ERR_OPTION', /name/)
      await expectCoded(() => input({ shape: [1], name }), 'ERR_OPTION', /name/)
    }
    await expectCoded(make(metrics.f1({ name: '__proto__' })), 'ERR_OPTION', /taken/)
    await expectCoded(make(metrics.f1({ name: 'val_loss' })), 'ERR_OPTION', /taken/)
    const both = { metrics: [metrics.f1(), metrics.auc({ name: 'val_f1' })] }
    await expectCoded(() => passing(1, { loss: 'mse', ...both }), 'ERR_OPTION', /taken/)
    // biome-ignore lint/suspicious/noSparseArray: what is tested
    const holes = [, 'f1'] as never
    await expectCoded(() => passing(1, { loss: 'mse', metrics: holes }), 'ERR_OPTION', /undefined/)
    await expectCoded(() => passing(1, { loss: 'mse', metrics: { dense: holes } }), 'ERR_OPTION', /undefined/)
  })
})

describe('a loss that does not fit its predictions', () => {
  async function warnings(act: () => unknown): Promise<string[]> {
    const heard: string[] = []
    const listen = (warning: Error & { code?: string }) => {
      if (warning.name === 'SeqloomWarning') heard.push(`${warning.code}: ${warning.message}`)
    }
    process.on('warning', listen)
    await act()
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listen)
    return heard
  }

  it('is warned of', async () => {
    const cases: [number, string | losses.Loss, Activation | undefined, RegExp][] = [
      [1, 'binaryCrossentropy', 'softmax', /always 1/],
      [1, 'sparseCategoricalCrossentropy', 'softmax', /always 1/],
      [1, 'mse', 'softmax', /always 1/],
      [1, 'binaryCrossentropy', undefined, /fromLogits/],
      [3, 'categoricalCrossentropy', undefined, /fromLogits/],
      [3, 'sparseCategoricalCrossentropy', 'relu', /softmax/],
      [3, 'sparseCategoricalCrossentropy', 'sigmoid', /binaryCrossentropy/],
      [3, 'binaryCrossentropy', 'softmax', /independent/],
      [1, losses.binaryCrossentropy({ fromLogits: true }), 'sigmoid', /second time/],
      [3, losses.categoricalCrossentropy({ fromLogits: true }), 'softmax', /second time/],
      [3, losses.categoricalCrossentropy({ fromLogits: true }), 'relu', /either sign/],
    ]
    for (const [width, loss, activation, expected] of cases) {
      const heard = await warnings(() => passing(width, { loss: loss as 'mse' }, activation))
      expect(heard, `${activation} ${JSON.stringify(loss)}`).toEqual([expect.stringMatching(expected)])
      expect(heard[0]).toMatch(/^WARN_PREDICTIONS: compile: output 'dense'/)
    }
  })

  it('and one that fits is not', async () => {
    const cases: [number, string | losses.Loss, Activation | undefined][] = [
      [1, 'binaryCrossentropy', 'sigmoid'],
      [3, 'binaryCrossentropy', 'sigmoid'],
      [3, 'categoricalCrossentropy', 'softmax'],
      [3, losses.sparseCategoricalCrossentropy({ fromLogits: true }), undefined],
      [1, losses.binaryCrossentropy({ fromLogits: true }), undefined],
      [1, 'mse', undefined],
      [3, 'mse', 'softmax'],
    ]
    for (const [width, loss, activation] of cases) {
      expect(await warnings(() => passing(width, { loss: loss as 'mse' }, activation))).toEqual([])
    }
    const x = input({ shape: [null, 3] })
    const words = layers.dropout({ rate: 0.5 }).apply(layers.dense({ units: 3, activation: 'softmax' }).apply(x))
    const m = model({ inputs: x, outputs: words as SymbolicTensor })
    const compile = () => m.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' })
    expect(await warnings(compile)).toEqual([])
    const large = () => passing(3, { loss: 'categoricalCrossentropy', metrics: ['topKAccuracy'] }, 'softmax')
    expect(await warnings(large)).toEqual([expect.stringMatching(/WARN_METRIC.*always 1/)])
  })
})

it.each([
  ['metrics', 'pearsonCorrelation'],
  ['weightedMetrics', 'pearsonCorrelation'],
  ['metrics', (yTrue: SymbolicValue, yPred: SymbolicValue) => yTrue.sub(yTrue).div(yPred.sub(yPred)).mean()],
  ['metrics', 'poisson'],
])('a metric among %s that is no number leaves the training as it is: %s', async (place, metric) => {
  const train = async (more: object) => {
    const m = sequential(
      [layers.dense({ units: 4, inputShape: [2] }), layers.dense({ units: 3, activation: 'sigmoid' })],
      { seed: 1 },
    )
    m.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', ...more })
    const x = [
      [1, 2],
      [3, 4],
    ]
    const y = [
      [1, 1, 1],
      [0, 1, 1],
    ]
    await m.fit(x, y, { epochs: 3 })
    return m.getWeights().map(({ data }) => [...data])
  }
  expect(await train({ [place]: [metric] })).toEqual(await train({}))
})
