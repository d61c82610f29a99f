import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Callback, callbacks, layers, loadModel, optimizers, type Sequential, sequential, tensor } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-fit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rows = 10
const x = tensor(
  Float32Array.from({ length: rows * 2 }, (_, i) => Math.sin(i)),
  [rows, 2],
)
const y = Float32Array.from({ length: rows }, (_, i) => Math.cos(i))

function build(options: optimizers.OptimizerOptions = { learningRate: 0.1 }): Sequential {
  const m = sequential([layers.dense({ units: 3, inputShape: [2] }), layers.dense({ units: 1 })], { seed: 1 })
  m.compile({ optimizer: optimizers.sgd(options), loss: 'mse', metrics: ['mae'] })
  return m
}

const weightsOf = (m: Sequential) => m.getWeights().map(({ data }) => [...data])

/** The sizes of all batches, epoch by epoch. */
function batchSizes(): { readonly sizes: number[][]; readonly callback: Callback } {
  const sizes: number[][] = []
  return {
    sizes,
    callback: {
      onEpochBegin: () => void sizes.push([]),
      onTrainBatchEnd: (_, { size = 0 }) => void sizes.at(-1)?.push(size),
    },
  }
}

describe('stepsPerEpoch', () => {
  it('goes on where the epoch before ended, and through the rows again', async () => {
    const { sizes, callback } = batchSizes()
    const { history } = await build().fit(x, y, { epochs: 4, batchSize: 4, stepsPerEpoch: 2, callbacks: callback })
    expect(sizes).toEqual([
      [4, 4],
      [2, 4],
      [4, 2],
      [4, 4],
    ])
    expect(history.loss).toHaveLength(4)
  })

  it('changes nothing but where epochs end', async () => {
    const [plain, split, whole] = [build(), build(), build()]
    await plain.fit(x, y, { epochs: 4, batchSize: 2 })
    await split.fit(x, y, { epochs: 10, batchSize: 2, stepsPerEpoch: 2 })
    await whole.fit(x, y, { epochs: 1, batchSize: 2, stepsPerEpoch: 20 })
    expect(weightsOf(split)).toEqual(weightsOf(plain))
    expect(weightsOf(whole)).toEqual(weightsOf(plain))
  })

  it('resumes exactly, from an epoch and from a backup in the middle of one', async () => {
    const options = { batchSize: 4, stepsPerEpoch: 2 }
    const [plain, later, killed, resumed] = [build(), build(), build(), build()]
    await plain.fit(x, y, { ...options, epochs: 4 })
    await later.fit(x, y, { ...options, epochs: 2 })
    await later.fit(x, y, { ...options, epochs: 4, initialEpoch: 2 })
    expect(weightsOf(later)).toEqual(weightsOf(plain))
    const backup = () => callbacks.backupAndRestore({ backupDir: join(folder, 'backup'), saveFreq: 1 })
    let batches = 0
    const kill: Callback = {
      onTrainBatchEnd: () => {
        batches++
        if (batches === 6) throw new Error('killed')
      },
    }
    await expect(killed.fit(x, y, { ...options, epochs: 4, callbacks: [backup(), kill] })).rejects.toThrow('killed')
    const { epoch } = await resumed.fit(x, y, { ...options, epochs: 4, callbacks: [backup()] })
    expect(epoch).toEqual([0, 1, 2, 3])
    expect(weightsOf(resumed)).toEqual(weightsOf(plain))
  })
})

describe('validation', () => {
  it('takes at most so many batches, every so many epochs', async () => {
    const m = build({ learningRate: 0 })
    const sizes: number[] = []
    const { history } = await m.fit(x, y, {
      epochs: 5,
      validationData: [x, y],
      validationBatchSize: 3,
      validationSteps: 2,
      validationFreq: 2,
      callbacks: { onTestBatchEnd: (_, { size = 0 }) => void sizes.push(size) },
    })
    expect(history.loss).toHaveLength(5)
    expect(history.val_loss).toHaveLength(2)
    expect(sizes).toEqual([3, 3, 3, 3])
    const first = tensor(x.data.slice(0, 12), [6, 2])
    const [loss] = (await m.evaluate(first, y.slice(0, 6))) as number[]
    expect(history.val_loss?.[0]).toBeCloseTo(loss as number, 6)
  })
})

describe('shuffle', () => {
  it("'batch' keeps the rows of a batch together, in another order every epoch", async () => {
    // Each row's target tells its batch.
    const own = tensor(
      Float32Array.from({ length: rows }, (_, i) => Math.floor(i / 2)),
      [rows],
    )
    const seen: number[][] = []
    const m = sequential([layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'zeros' })], { seed: 3 })
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0 }), loss: 'mse' })
    let before = 0
    const watch: Callback = {
      onEpochBegin: () => {
        before = 0
        seen.push([])
      },
      // The loss so far is a mean of squares: its growth tells the batch.
      onTrainBatchEnd: (batch, { loss = 0 }) => {
        const sum = loss * (batch + 1)
        seen.at(-1)?.push(Math.round(Math.sqrt(sum - before)))
        before = sum
      },
    }
    await m.fit(x, own, { epochs: 3, batchSize: 2, shuffle: 'batch', callbacks: watch })
    for (const epoch of seen) expect([...epoch].sort()).toEqual([0, 1, 2, 3, 4])
    expect(new Set(seen.map(String)).size).toBeGreaterThan(1)
  })
})

describe('options', () => {
  it('that change nothing are accepted, and others are checked', async () => {
    const m = build()
    const nothing = { stepsPerEpoch: null, validationSteps: null, validationBatchSize: null, validationSplit: null }
    await m.fit(x, y, { ...nothing, validationFreq: 1, verbose: 0 })
    await m.evaluate(x, y, { verbose: 1 })
    await m.predict(x, { verbose: 'auto' })
    const wrong = [{ stepsPerEpoch: 0 }, { validationSteps: 1.5 }, { validationFreq: 0 }, { shuffle: 'rows' }]
    for (const options of wrong) {
      await expect(m.fit(x, y, options as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    }
  })

  it('of calls with one batch: values by name, predictions of all rows', async () => {
    const m = build({ learningRate: 0 })
    const list = await m.testOnBatch(x, y)
    expect(await m.testOnBatch(x, y, { returnDict: true })).toEqual({ loss: list[0], mae: list[1] })
    expect(await m.trainOnBatch(x, y, { returnDict: true })).toEqual({ loss: list[0], mae: list[1] })
    m.resetMetrics()
    expect(await m.predictOnBatch(x)).toEqual(await m.predict(x))
  })
})

describe('options of optimizers', () => {
  it('accumulate gradients: the step of so many batches is that of all their rows', async () => {
    const [large, small] = [build(), build({ learningRate: 0.1, gradientAccumulationSteps: 5 })]
    await large.fit(x, y, { epochs: 3, batchSize: 10, shuffle: false })
    await small.fit(x, y, { epochs: 3, batchSize: 2, shuffle: false })
    for (const [at, weights] of weightsOf(small).entries()) {
      for (const [index, value] of weights.entries())
        expect(value).toBeCloseTo(weightsOf(large)[at]?.[index] as number, 5)
    }
    expect(small.optimizer.iterations).toBe(3)
  })

  it('accumulate gradients of sequences to rounding, whatever the number of batches', async () => {
    const [rows, time] = [64, 12]
    const sequences = tensor(
      Float32Array.from({ length: rows * time * 3 }, (_, i) => Math.sin(i * 1.3)),
      [rows, time, 3],
    )
    const targets = tensor(
      Float32Array.from({ length: rows }, (_, i) => Math.cos(i)),
      [rows, 1],
    )
    const trained = async (batches: number) => {
      const m = sequential([layers.lstm({ units: 8, inputShape: [time, 3] }), layers.dense({ units: 1 })], { seed: 1 })
      m.compile({ optimizer: optimizers.sgd({ learningRate: 0.1, gradientAccumulationSteps: batches }), loss: 'mse' })
      await m.fit(sequences, targets, { epochs: 5, batchSize: rows / batches, shuffle: false })
      return m.getWeights().flatMap(({ data }) => [...data])
    }
    const [whole, ...others] = await Promise.all([1, 2, 4, 64].map(trained))
    for (const weights of others) {
      for (const [at, value] of weights.entries()) expect(Math.abs(value - (whole?.[at] as number))).toBeLessThan(1e-6)
    }
  })

  it('let schedules follow batches, whatever number of them makes up a step', async () => {
    const rates = [0.4, 0.3, 0.1, 0.2, 0.5, 0.05]
    const rate = (batch: number) => rates[batch] ?? 0
    const accumulating = build({ learningRate: rate, gradientAccumulationSteps: 2 })
    // A step is made with the rate of its last batch.
    const plain = build({ learningRate: (step) => rate(2 * step + 1) })
    await accumulating.fit(x, y, { epochs: 3, batchSize: 5, shuffle: false })
    for (let step = 0; step < 3; step++) await plain.trainOnBatch(x, y)
    expect(accumulating.optimizer.iterations).toBe(3)
    for (const [at, weights] of weightsOf(accumulating).entries()) {
      for (const [index, value] of weights.entries())
        expect(value).toBeCloseTo(weightsOf(plain)[at]?.[index] as number, 5)
    }
  })

  it('look ahead: slow weights follow', async () => {
    const m = build({ learningRate: 0.1, lookahead: { syncPeriod: 2, slowStepSize: 0.25 } })
    const [plain, start] = [build(), weightsOf(m)]
    for (const each of [m, plain]) for (let step = 0; step < 2; step++) await each.trainOnBatch(x, y)
    for (const [at, weights] of weightsOf(plain).entries()) {
      for (const [index, fast] of weights.entries()) {
        const slow = start[at]?.[index] as number
        expect(weightsOf(m)[at]?.[index]).toBeCloseTo(slow + 0.25 * (fast - slow), 6)
      }
    }
  })

  it.each([
    { useEma: true, emaOverwriteFrequency: 3 },
    { lookahead: true, weightDecay: 0.1, excludeFromWeightDecay: ['bias'] },
    { gradientAccumulationSteps: 3, globalClipNorm: 0.1 },
  ] as const)('are saved and go on exactly: %j', async (options) => {
    const make = () => {
      const m = build()
      m.compile({ optimizer: optimizers.muon({ learningRate: 0.1, ...options }), loss: 'mse' })
      return m
    }
    const m = make()
    for (let step = 0; step < 4; step++) await m.trainOnBatch(x, y)
    const again = (await loadModel(await m.toBytes())) as Sequential
    for (const each of [m, again]) for (let step = 0; step < 5; step++) await each.trainOnBatch(x, y)
    expect(weightsOf(again)).toEqual(weightsOf(m))
  })

  it('are checked, and null means that they are left out', () => {
    const none = { clipNorm: null, weightDecay: null, emaOverwriteFrequency: null, lookahead: null, useEma: false }
    expect(optimizers.adam({ ...none, gradientAccumulationSteps: null })).toEqual(optimizers.adam())
    for (const wrong of [
      { weightDecay: -1 },
      { excludeFromWeightDecay: 'bias' },
      { emaMomentum: 2 },
      { gradientAccumulationSteps: 0 },
      { lookahead: { syncPeriod: 0 } },
      { lookahead: { k: 5 } },
    ]) {
      expect(() => optimizers.adam(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
    const scaled = () => optimizers.adam({ lossScaleFactor: 2 } as never)
    expect(scaled).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }))
    expect(() => optimizers.muon({ excludeLayers: 'out' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION' }),
    )
  })
})

describe('callbacks.modelCheckpoint', () => {
  it('fills values into the path, after so many batches or epochs', async () => {
    const path = join(folder, 'epochs', 'e{epoch:02d}-{valLoss:.3f}')
    const m = build()
    const { history } = await m.fit(x, y, {
      epochs: 2,
      validationData: [x, y],
      callbacks: callbacks.modelCheckpoint({ path }),
    })
    const losses = history.val_loss as number[]
    expect(readdirSync(join(folder, 'epochs')).sort()).toEqual(
      losses.map((loss, at) => `e0${at + 1}-${loss.toFixed(3)}`),
    )
    const saved = (await loadModel(join(folder, 'epochs', `e02-${losses[1]?.toFixed(3)}`))) as Sequential
    expect(weightsOf(saved)).toEqual(weightsOf(m))
    const batches = callbacks.modelCheckpoint({ path: join(folder, 'batches', '{epoch}-{batch}'), saveFreq: 3 })
    await m.fit(x, y, { epochs: 2, batchSize: 2, callbacks: batches })
    expect(readdirSync(join(folder, 'batches')).sort()).toEqual(['1-3', '2-1', '2-4'])
    const unknown = callbacks.modelCheckpoint({ path: join(folder, '{accuracy}') })
    await expect(m.fit(x, y, { callbacks: unknown })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/\{accuracy\}.*loss/),
    })
  })

  it('saves only what beats a threshold, and without the optimizer if it is to', async () => {
    const m = build()
    const path = join(folder, 'threshold')
    const best = (initialValueThreshold: number) =>
      callbacks.modelCheckpoint({
        path,
        monitor: 'loss',
        saveBestOnly: true,
        saveWeightsOnly: true,
        initialValueThreshold,
      })
    await m.fit(x, y, { epochs: 2, callbacks: best(0) })
    expect(existsSync(path)).toBe(false)
    await m.fit(x, y, { epochs: 1, callbacks: best(1e6) })
    expect(readdirSync(path).filter((name) => name.includes('state'))).toEqual([])
    expect(weightsOf((await loadModel(path)) as Sequential)).toEqual(weightsOf(m))
  })
})

describe('callbacks that follow a validation which is not in every epoch', () => {
  const options = { epochs: 12, validationSplit: 0.3, validationFreq: 3 }

  it('wait for it, as Keras does', async () => {
    const m = build({ learningRate: 0 })
    const stopped = await m.fit(x, y, { ...options, callbacks: callbacks.earlyStopping({ patience: 2 }) })
    // Validations are in epochs 3, 6, 9; the second one and the third one are no better than the first.
    expect(stopped.epoch).toHaveLength(9)
    const seen: number[] = []
    const rates = build()
    await rates.fit(x, y, {
      ...options,
      callbacks: [
        callbacks.reduceLROnPlateau({ patience: 1, minDelta: 100 }),
        { onEpochEnd: (_epoch, _logs, { model }) => void seen.push(model.learningRate) },
      ],
    })
    expect(seen.map((rate) => rate.toPrecision(2))).toEqual(
      [0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.0001].map((rate) => rate.toPrecision(2)),
    )
    const path = join(folder, 'checkpoint-{epoch}')
    await build().fit(x, y, {
      ...options,
      epochs: 4,
      callbacks: callbacks.modelCheckpoint({ path, saveBestOnly: true }),
    })
    expect(readdirSync(folder).filter((name) => name.startsWith('checkpoint-'))).toEqual(['checkpoint-3'])
  })

  it('still say what is never there', async () => {
    const stop = callbacks.earlyStopping({ monitor: 'val_nothing' })
    await expect(build().fit(x, y, { ...options, callbacks: stop })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/val_nothing/),
    })
  })
})
