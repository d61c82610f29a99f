import { callbacks, layers, optimizers, type Sequential, sequential, tensor } from 'seqloom'
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
    await expect(training({ onBatchBegin: () => 0 })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
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
