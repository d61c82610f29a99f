import { type callbacks, layers, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { regression, tokenClassifier, wave } from '../helpers/models.js'

const x = tensor(wave(10 * 3 * 2), [10, 3, 2])
const y = tensor(wave(10, 1), [10, 1])

/** What callbacks are told, in order. */
function recorder() {
  const told: string[] = []
  const note = (name: string) => (first: number | object, second: object) => {
    const [batch, logs] = typeof first === 'number' ? [first, second] : ['', first]
    told.push([name, batch, ...Object.keys(logs)].join(' ').replace(/ +/g, ' ').trim())
  }
  const names = ['Begin', 'BatchBegin', 'BatchEnd', 'End']
  const hooks = ['Test', 'Predict'].flatMap((kind) => names.map((name) => `on${kind}${name}`))
  const given: unknown[] = []
  const callback = {
    ...Object.fromEntries(hooks.map((hook) => [hook, note(hook)])),
    setParams: (params: unknown) => given.push(params),
    setModel: (model: unknown) => given.push(model),
  }
  return { told, given, callback: callback as callbacks.Callback }
}

describe('steps of evaluate and predict', () => {
  it('are batches, of which no more are computed', async () => {
    const m = regression()
    const first = tensor(x.data.slice(0, 8 * 6), [8, 3, 2])
    const firstY = tensor(y.data.slice(0, 8), [8, 1])
    const options = { batchSize: 4, steps: 2 }
    expect(await m.evaluate(x, y, options)).toEqual(await m.evaluate(first, firstY, { batchSize: 4 }))
    expect(m.evaluateSync(x, y, options)).toEqual(await m.evaluate(x, y, options))
    expect(await m.predict(x, options)).toEqual(await m.predict(first))
    expect(m.predictSync(x, options)).toEqual(await m.predict(first))
    for (const steps of [3, 100, null]) {
      expect(await m.evaluate(x, y, { batchSize: 4, steps })).toEqual(await m.evaluate(x, y, { batchSize: 4 }))
      expect((await m.predict(x, { batchSize: 4, steps })).shape).toEqual([10, 1])
    }
    for (const steps of [0, -1, 1.5, '2']) {
      await expectCoded(() => m.evaluate(x, y, { steps: steps as never }), 'ERR_OPTION', /steps/)
      await expectCoded(() => m.predict(x, { steps: steps as never }), 'ERR_OPTION', /steps/)
    }
  })

  it('are those of ragged rows', async () => {
    const m = tokenClassifier()
    const rows = [[1], [2, 3, 4, 5], [3, 1], [4], [5, 6, 7]]
    const some = await m.predict(rows, { batchSize: 2, steps: 1 })
    expect([...some.data]).toEqual([...(await m.predict(rows.slice(0, 2))).data])
  })
})

describe('callbacks of evaluate and predict', () => {
  it('are told in the order of Keras, with the scores so far, of as many batches as there are', async () => {
    const m = tokenClassifier()
    const rows = [[1], [2, 3], [3, 1, 4], [4], [5, 6]]
    const labels = [0, 1, 2, 0, 1]
    const { told, given, callback } = recorder()
    const options = { batchSize: 2, callbacks: callback }
    const scores = await m.evaluate(rows, labels, options)
    expect(scores).toEqual(await m.evaluate(rows, labels, { batchSize: 2 }))
    const batches = [0, 1, 2].flatMap((batch) => [
      `onTestBatchBegin ${batch} batch size`,
      `onTestBatchEnd ${batch} loss accuracy batch size`,
    ])
    expect(told).toEqual(['onTestBegin', ...batches, 'onTestEnd loss accuracy'])
    expect(given).toEqual([{ epochs: 1, steps: 3, verbose: 0 }, m])
    told.length = 0
    const predicted = await m.predict(rows, { ...options, steps: 2 })
    expect([...predicted.data]).toEqual([...(await m.predict(rows.slice(0, 4), { batchSize: 2 })).data])
    const parts = [0, 1].flatMap((batch) => [
      `onPredictBatchBegin ${batch} batch size`,
      `onPredictBatchEnd ${batch} batch size`,
    ])
    expect(told).toEqual(['onPredictBegin', ...parts, 'onPredictEnd'])
    expect(given.at(-2)).toEqual({ epochs: 1, steps: 2, verbose: 0 })
  })

  it('give the scores of the end as the last ones, for every metric', async () => {
    const m = tokenClassifier()
    const logs: callbacks.Logs[] = []
    const callback: callbacks.Callback = { onTestEnd: (each) => void logs.push(each) }
    const scores = await m.evaluate([[1], [2], [3]], [0, 1, 2], { callbacks: [callback], returnDict: true })
    expect(logs).toEqual([scores])
  })

  it('may use the model, wait, and end the loop', async () => {
    const m = regression()
    const whole = await m.predict(x)
    let inner: unknown
    const callback: callbacks.Callback = {
      onPredictBatchEnd: async (batch, _logs, { model, stop }) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        inner = await model.predict(x)
        expect(model.getWeights()).toHaveLength(5)
        if (batch === 1) stop()
      },
      onTestBatchEnd: (batch, _logs, training) => {
        if (batch === 0) training.stop()
      },
    }
    const some = await m.predict(x, { batchSize: 3, callbacks: callback })
    expect(some.shape).toEqual([6, 1])
    expect([...some.data]).toEqual([...whole.data.subarray(0, 6)])
    expect(inner).toEqual(whole)
    const first = [x, y].map((each, at) => tensor(each.data.slice(0, at === 0 ? 18 : 3), at === 0 ? [3, 3, 2] : [3, 1]))
    const scores = await m.evaluate(x, y, { batchSize: 3, callbacks: callback })
    expect(scores).toEqual(await m.evaluate(first[0] as never, first[1] as never))
    expect(await m.predict(x)).toEqual(whole)
  })

  it('of a stateful model leave its states alone', async () => {
    const m = sequential([layers.gru({ units: 2, stateful: true, inputShape: [null, 2] })], { seed: 2 })
    const whole = await m.predict(x, { batchSize: 5 })
    const callback: callbacks.Callback = {
      onPredictBatchEnd: async (_batch, _logs, { model }) => void (await model.predict(x, { batchSize: 2 })),
    }
    expect(await m.predict(x, { batchSize: 5, callbacks: callback })).toEqual(whole)
  })

  it('make the call reject with what they throw, and leave the model usable', async () => {
    const m = regression()
    for (const hook of ['onPredictBegin', 'onPredictBatchEnd', 'onPredictEnd'] as const) {
      const fail = { [hook]: () => Promise.reject(new Error(`of ${hook}`)) }
      await expect(m.predict(x, { callbacks: fail })).rejects.toThrow(`of ${hook}`)
    }
    for (const hook of ['onTestBegin', 'onTestBatchBegin', 'onTestEnd', 'setModel'] as const) {
      const fail = {
        [hook]: () => {
          throw new Error(`of ${hook}`)
        },
      }
      await expect(m.evaluate(x, y, { callbacks: fail })).rejects.toThrow(`of ${hook}`)
    }
    expect((await m.predict(x)).shape).toEqual([10, 1])
    await m.fit(x, y)
  })

  it('do not hold an abort up', async () => {
    const m = regression()
    const controller = new AbortController()
    const callback: callbacks.Callback = {
      onPredictBatchBegin: () => {
        controller.abort()
        return new Promise(() => {})
      },
    }
    const aborted = m.predict(x, { callbacks: callback, signal: controller.signal })
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
    const begun = new AbortController()
    begun.abort()
    const late = m.evaluate(x, y, { callbacks: recorder().callback, signal: begun.signal })
    await expect(late).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('keep the model from others, and are checked', async () => {
    const m = regression()
    const callback: callbacks.Callback = { onTestBegin: () => new Promise((resolve) => setTimeout(resolve, 20)) }
    const running = m.evaluate(x, y, { callbacks: callback })
    await new Promise((resolve) => setTimeout(resolve, 40))
    await running
    const other: callbacks.Callback = {
      onEpochEnd: async (_epoch, _logs, { model }) => void (await model.predict(x, { callbacks: callback })),
    }
    await expectCoded(() => m.fit(x, y, { callbacks: other }), 'ERR_STATE', /predict with callbacks/)
    await expectCoded(() => m.evaluate(x, y, { callbacks: { onNothing: () => {} } as never }), 'ERR_OPTION', /evaluate/)
    await expectCoded(() => m.predict(x, { callbacks: 3 as never }), 'ERR_OPTION', /predict: a callback/)
    await expectCoded(() => m.predictSync(x, { callbacks: callback } as never), 'ERR_UNSUPPORTED', /callbacks/)
    expect(await m.evaluate(x, y, { callbacks: null })).toEqual(await m.evaluate(x, y, { callbacks: [] }))
  })
})
