import { type Callback, callbacks, type Logs, layers, optimizers, type Sequential, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'

const rows = 24
const x = tensor(
  Float32Array.from({ length: rows * 6 }, (_, i) => Math.sin(i)),
  [rows, 3, 2],
)
const y = Float32Array.from({ length: rows }, (_, i) => Math.cos(i))

function build(learningRate = 0.01): Sequential {
  const m = sequential([layers.gru({ units: 4, inputShape: [null, 2] }), layers.dense({ units: 1 })], { seed: 1 })
  m.compile({ optimizer: optimizers.sgd({ learningRate }), loss: 'mse', metrics: ['mae'] })
  return m
}

const weightsOf = (m: Sequential) => m.getWeights().map(({ data }) => [...data])

describe('callbacks', () => {
  it('and other options of fit may be null, which means that there are none', async () => {
    const [plain, withNulls] = [build(), build()]
    await plain.fit(x, y, { epochs: 2 })
    const none = { callbacks: null, validationData: null, sampleWeight: null, classWeight: null }
    await withNulls.fit(x, y, { epochs: 2, ...none })
    expect(weightsOf(withNulls)).toEqual(weightsOf(plain))
  })

  it('are called in order, with logs', async () => {
    const seen: string[] = []
    await build().fit(x, y, {
      epochs: 2,
      batchSize: 8,
      validationSplit: 0.25,
      callbacks: {
        onTrainBegin: () => void seen.push('begin'),
        onTrainEnd: () => void seen.push('end'),
        onEpochBegin: (epoch) => void seen.push(`epoch ${epoch}`),
        onEpochEnd: (epoch, logs) => void seen.push(`end ${epoch} ${Object.keys(logs).sort()}`),
        onBatchEnd: (batch, logs) => {
          expect(logs).toMatchObject({ batch, batches: 3 })
          expect(logs.loss).toBeGreaterThan(0)
        },
      },
    })
    const keys = 'loss,mae,seconds,val_loss,val_mae'
    expect(seen).toEqual(['begin', 'epoch 0', `end 0 ${keys}`, 'epoch 1', `end 1 ${keys}`, 'end'])
  })

  it('of epochs are awaited, and may use the model', async () => {
    const m = build()
    const losses: number[] = []
    const { history } = await m.fit(x, y, {
      epochs: 3,
      callbacks: {
        onEpochEnd: async () => {
          const [loss] = await m.evaluate(x, y)
          losses.push(loss as number)
          expect((await m.predict(x)).shape).toEqual([rows, 1])
          expect(m.predictSync(x).shape).toEqual([rows, 1])
          m.setWeights(m.getWeights())
          m.learningRate = m.learningRate / 2
          await expect(m.fit(x, y)).rejects.toMatchObject({ code: 'ERR_STATE' })
          await expect(m.trainOnBatch(x, y)).rejects.toMatchObject({ code: 'ERR_STATE' })
          expect(() => m.dispose()).toThrow(expect.objectContaining({ code: 'ERR_STATE' }))
        },
      },
    })
    expect(losses).toHaveLength(3)
    expect(history.loss).toHaveLength(3)
    expect(m.learningRate).toBeCloseTo(0.01 / 8, 8)
  })

  it('can stop the training', async () => {
    const stop = await build().fit(x, y, {
      epochs: 9,
      callbacks: { onEpochEnd: (epoch, _, t) => (epoch === 1 ? t.stop() : undefined) },
    })
    expect(stop.epoch).toEqual([0, 1])
    const m = build()
    const flag = callbacks.lambda({
      onEpochEnd: () => {
        m.stopTraining = true
      },
    })
    expect((await m.fit(x, y, { epochs: 9, callbacks: [flag] })).epoch).toEqual([0])
  })

  it.each(['onTrainBegin', 'onEpochBegin', 'onBatchEnd', 'onEpochEnd', 'onTrainEnd'] as const)(
    'that throw in %s make fit reject with what they threw, and the model stays usable',
    async (moment) => {
      const m = build()
      const error = new RangeError(moment)
      for (const fail of [
        () => {
          throw error
        },
        () => Promise.reject(error),
      ]) {
        await expect(m.fit(x, y, { epochs: 50, batchSize: 1, callbacks: { [moment]: fail } })).rejects.toBe(error)
      }
      await m.fit(x, y)
    },
  )

  it('that do not exist are refused', async () => {
    const training = (callback: object) => build().fit(x, y, { callbacks: callback as never })
    await expect(training({ onEpochStart: () => 0 })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(training({ onYield: () => 0 })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
  })
})

describe("all functions of Keras's callbacks", () => {
  it('are called in its order, with its logs', async () => {
    const seen: string[] = []
    const m = build()
    const named = (name: string, logs: Logs) => seen.push([name, ...Object.keys(logs)].join(' '))
    const all = ['TrainBegin', 'TrainEnd', 'TestBegin', 'TestEnd'] as const
    const batches = ['TrainBatchBegin', 'TrainBatchEnd', 'TestBatchBegin', 'TestBatchEnd', 'EpochBegin'] as const
    const callback: Callback = {
      setModel: (given) => void seen.push(given === m ? 'setModel' : 'another'),
      setParams: (params) => void seen.push(JSON.stringify(params)),
      onEpochEnd: (_, { seconds: _s, ...logs }) => void named('EpochEnd', logs),
      ...Object.fromEntries(all.map((name) => [`on${name}`, (logs: Logs) => void named(name, logs)])),
      ...Object.fromEntries(
        batches.map((name) => [`on${name}`, (at: number, logs: Logs) => void named(`${name} ${at}`, logs)]),
      ),
    }
    await m.fit(x, y, { batchSize: 9, validationSplit: 0.5, validationBatchSize: 8, callbacks: callback })
    expect(seen).toEqual([
      '{"epochs":1,"steps":2,"verbose":0}',
      'setModel',
      'TrainBegin',
      'EpochBegin 0',
      'TrainBatchBegin 0 batch size',
      'TrainBatchEnd 0 loss mae batch size',
      'TrainBatchBegin 1 batch size',
      'TrainBatchEnd 1 loss mae batch size',
      'TestBegin',
      'TestBatchBegin 0 batch size',
      'TestBatchEnd 0 loss mae batch size',
      'TestBatchBegin 1 batch size',
      'TestBatchEnd 1 loss mae batch size',
      'TestEnd loss mae',
      'EpochEnd loss mae val_loss val_mae',
      'TrainEnd loss mae val_loss val_mae',
    ])
  })

  it('see every batch, may use the model and end the epoch, and change nothing', async () => {
    const [plain, watched] = [build(), build()]
    const seen: number[] = []
    const rates: number[] = []
    await plain.fit(x, y, { epochs: 2, batchSize: 1, validationSplit: 0.25 })
    const watch: Callback = {
      onBatchBegin: (batch) => void seen.push(batch),
      onTrainBatchEnd: async () => {
        rates.push(watched.learningRate)
        await watched.predict(x)
      },
      onTestBatchEnd: async () => void (await watched.predict(x)),
    }
    await watched.fit(x, y, { epochs: 2, batchSize: 1, validationSplit: 0.25, callbacks: watch })
    expect(seen).toEqual([...Array(18).keys(), ...Array(18).keys()])
    expect(rates).toHaveLength(36)
    expect(weightsOf(watched)).toEqual(weightsOf(plain))
    let batches = 0
    const { epoch } = await watched.fit(x, y, {
      epochs: 5,
      batchSize: 4,
      callbacks: {
        onTrainBatchEnd: (batch) => {
          batches++
          if (batch === 2) watched.stopTraining = true
        },
      },
    })
    expect([batches, epoch]).toEqual([3, [0]])
  })

  it.each([
    'onTrainBatchBegin',
    'onTrainBatchEnd',
    'onBatchBegin',
    'onTestBegin',
    'onTestBatchBegin',
    'onTestBatchEnd',
    'onTestEnd',
  ])('that throw in %s make fit reject with what they threw', async (moment) => {
    const m = build()
    const error = new RangeError(moment)
    const fail = () => Promise.reject(error)
    await expect(m.fit(x, y, { validationSplit: 0.25, callbacks: { [moment]: fail } })).rejects.toBe(error)
    await m.fit(x, y)
  })

  it('may add to the history', async () => {
    const add = callbacks.lambdaCallback({
      onEpochEnd: (epoch, logs) => {
        logs.own = epoch * 10
      },
    })
    const { history } = await build().fit(x, y, { epochs: 3, callbacks: [add] })
    expect(history.own).toEqual([0, 10, 20])
    expect(Object.keys(history)).toEqual(['loss', 'mae', 'own'])
  })
})

describe('callbacks.terminateOnNaN', () => {
  it('ends the training with the weights of before, and warns', async () => {
    const bad = Float32Array.from(y)
    const m = build()
    const ended: string[] = []
    const end: Callback = { onTrainEnd: () => void ended.push('end') }
    // The squares of these are infinite.
    bad.fill(3e38)
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const before = weightsOf(m)
    const { epoch } = await m.fit(x, bad, { epochs: 3, callbacks: [callbacks.terminateOnNaN(), end] })
    expect(epoch).toEqual([])
    expect(ended).toEqual(['end'])
    expect(weightsOf(m)).toEqual(before)
    expect((await warned).message).toMatch(/not finite/)
    const strict = callbacks.terminateOnNaN({ raiseError: true })
    await expect(m.fit(x, bad, { callbacks: strict })).rejects.toMatchObject({ code: 'ERR_NUMERIC' })
  })
})

describe('callbacks.swapEmaWeights', () => {
  const averaged = () => {
    const m = build()
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.05, useEma: true, emaMomentum: 0.9 }), loss: 'mse' })
    return m
  }

  it('validates with the mean of the weights, which fit ends with', async () => {
    const [plain, swapped, epochs] = [averaged(), averaged(), averaged()]
    const options = { epochs: 3, batchSize: 4, validationData: [x, y] as const }
    const first = await plain.fit(x, y, options)
    const means: number[][][] = []
    const second = await swapped.fit(x, y, {
      ...options,
      callbacks: [callbacks.swapEmaWeights(), { onTestBegin: () => void means.push(weightsOf(swapped)) }],
    })
    expect(second.history.loss).toEqual(first.history.loss)
    expect(second.history.val_loss).not.toEqual(first.history.val_loss)
    expect(weightsOf(swapped)).toEqual(weightsOf(plain))
    expect(weightsOf(plain)).toEqual(means[2])
    expect((await plain.evaluate(x, y))[0]).toBeCloseTo(second.history.val_loss?.[2] as number, 6)
    const atEnds: number[][][] = []
    const third = await epochs.fit(x, y, {
      ...options,
      callbacks: [
        callbacks.swapEmaWeights({ swapOnEpoch: true }),
        { onEpochEnd: () => void atEnds.push(weightsOf(epochs)) },
      ],
    })
    expect(third.history).toEqual(second.history)
    expect(atEnds).toEqual(means)
    expect(weightsOf(epochs)).toEqual(weightsOf(plain))
  })

  it('needs an optimizer that keeps the mean', async () => {
    const swap = callbacks.swapEmaWeights()
    await expect(build().fit(x, y, { validationSplit: 0.25, callbacks: swap })).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(/useEma/),
    })
  })
})

describe('gradient norms', () => {
  it('are in the logs and the history of every layer, before clipping', async () => {
    const m = build(0)
    const { weights } = await m.gradients(x, y)
    const norm = (layer: string) => {
      const own = Object.entries(weights).filter(([name]) => name.startsWith(`${layer}/`))
      return Math.hypot(...own.flatMap(([, { data }]) => [...data]))
    }
    const seen: string[][] = []
    const { history } = await m.fit(x, y, {
      epochs: 2,
      batchSize: rows,
      callbacks: [callbacks.gradientNorms(), { onBatchEnd: (_, logs) => void seen.push(Object.keys(logs)) }],
    })
    // With a step size of zero every epoch sees the same gradient.
    for (const layer of ['gru', 'dense']) {
      const all = history[`gradient_norm/${layer}`] as number[]
      expect(all).toHaveLength(2)
      for (const value of all) expect(value / norm(layer)).toBeCloseTo(1, 4)
    }
    expect(seen.at(-1)).toEqual(expect.arrayContaining(['gradient_norm/gru', 'gradient_norm/dense']))
  })

  it('are means over the steps of an epoch, and absent where nobody asks', async () => {
    const plain = await build(0).fit(x, y, { batchSize: 8, shuffle: false })
    expect(Object.keys(plain.history)).toEqual(['loss', 'mae'])
    const m = build(0)
    const steps: number[] = []
    for (let start = 0; start < rows; start += 8) {
      const part = [x.data.slice(start * 6, (start + 8) * 6), y.slice(start, start + 8)] as const
      const { history } = await m.fit(tensor(part[0], [8, 3, 2]), part[1], { callbacks: callbacks.gradientNorms() })
      steps.push(history['gradient_norm/gru']?.[0] as number)
    }
    const whole = await m.fit(x, y, { batchSize: 8, shuffle: false, callbacks: callbacks.gradientNorms() })
    expect(whole.history['gradient_norm/gru']?.[0]).toBeCloseTo(steps.reduce((a, b) => a + b) / 3, 5)
  })
})

describe('early stopping', () => {
  it('ends the training and restores the best weights', async () => {
    const m = build(0)
    const before = weightsOf(m)
    const stop = callbacks.earlyStopping({ monitor: 'loss', patience: 2, restoreBestWeights: true })
    // Each epoch makes the weights worse, so the first is the best.
    const worsen = callbacks.lambda({
      onEpochEnd: () =>
        m.setWeights(m.getWeights().map(({ data, shape }) => ({ data: data.map((v) => v + 9), shape }))),
    })
    const { epoch } = await m.fit(x, y, { epochs: 20, callbacks: [stop, worsen] })
    expect(epoch).toEqual([0, 1, 2])
    expect(weightsOf(m)).toEqual(before)
  })

  /** Validation losses as given, one an epoch; the epochs that were trained. */
  const epochsWith = async (values: number[], options: callbacks.EarlyStoppingOptions) => {
    const given = callbacks.lambda({
      onEpochEnd: (epoch, logs) => {
        logs.val_loss = values[epoch] as number
      },
    })
    const stop = callbacks.earlyStopping(options)
    const { history } = await build(0).fit(x, y, { epochs: values.length, callbacks: [given, stop] })
    return history.val_loss
  }

  it('counts only improvements beyond the baseline, from an epoch on', async () => {
    // As Keras 3 does with the same values.
    const falling = [9, 8, 7, 6, 5, 4]
    expect(await epochsWith(falling, { patience: 3 })).toEqual(falling)
    expect(await epochsWith([9, 8, 7, 7, 5, 4], { patience: 3, baseline: 6.5 })).toEqual([9, 8, 7, 7])
    expect(await epochsWith(falling, { patience: 3, baseline: 6.5 })).toEqual(falling)
    expect(await epochsWith([1, 5, 5, 4, 4, 4, 4], { patience: 2, startFromEpoch: 2 })).toEqual([1, 5, 5, 4, 4, 4])
    expect(await epochsWith([5, 4.9, 4.8, 4.7], { patience: 2, minDelta: 0.5 })).toEqual([5, 4.9, 4.8])
    expect(await epochsWith([1, 2, 2, 2], { patience: 2, mode: 'max' })).toEqual([1, 2, 2, 2])
    for (const wrong of [{ baseline: 'x' }, { startFromEpoch: -1 }]) {
      expect(() => callbacks.earlyStopping(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
  })

  it('names what there is when the value is missing', async () => {
    await expect(build().fit(x, y, { callbacks: callbacks.earlyStopping() })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/val_loss.*loss.*validation/),
    })
  })
})

describe('the signal', () => {
  it('ends fit, evaluate and predict at once when it is aborted already', async () => {
    const signal = AbortSignal.abort(new Error('why'))
    const m = build()
    const before = weightsOf(m)
    for (const call of [
      () => m.fit(x, y, { signal }),
      () => m.evaluate(x, y, { signal }),
      () => m.predict(x, { signal }),
    ]) {
      await expect(call()).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: { message: 'why' } })
    }
    expect(weightsOf(m)).toEqual(before)
  })

  it('ends a training, from a callback too, and keeps no listener', async () => {
    const m = build()
    const controller = new AbortController()
    const { signal } = controller
    let listeners = 0
    const [add, remove] = [signal.addEventListener, signal.removeEventListener]
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove.apply(signal, args)
    }
    await m.fit(x, y, { signal })
    expect(listeners).toBe(0)
    const running = m.fit(x, y, {
      epochs: 1e6,
      signal,
      callbacks: { onEpochEnd: (epoch) => (epoch === 3 ? controller.abort() : undefined) },
    })
    await expect(running).rejects.toMatchObject({ name: 'AbortError' })
    expect(listeners).toBe(0)
    await m.fit(x, y)
  })
})

describe('while a call runs', () => {
  it('others wait, or are refused during fit', async () => {
    const m = build()
    const [a, b] = await Promise.all([m.predict(x), m.predict(x)])
    expect(a.data).toEqual(b.data)
    const running = m.fit(x, y, { epochs: 30, batchSize: 1 })
    for (const call of [
      () => m.predict(x),
      () => m.evaluate(x, y),
      () => m.trainOnBatch(x, y),
      () => m.fit(x, y),
      () => m.save('x'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ERR_STATE' })
    }
    for (const call of [() => m.getWeights(), () => m.predictSync(x), () => m.dispose(), () => m.session()]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_STATE' }))
    }
    await running
    const predicting = m.predict(x)
    expect(() => m.predictSync(x)).toThrow(expect.objectContaining({ code: 'ERR_STATE' }))
    await predicting
    m.dispose()
    m.dispose()
    await expect(m.predict(x)).rejects.toMatchObject({ code: 'ERR_STATE' })
  })
})
