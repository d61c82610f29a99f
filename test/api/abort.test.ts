import { setTimeout as sleep } from 'node:timers/promises'
import { layers, type Model, optimizers, sequential, tasks, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { abortTime, bestAbortTime as best, abortBound as bound } from '../helpers/abort.js'
import { wave } from '../helpers/models.js'

const values = (model: Model) => model.getWeights().map(({ data }) => Array.from(data))
/** Starts work from the weights of now, each time: where a call ended before it was aborted, it has trained. */
const fromNow = (model: Model, work: (signal: AbortSignal) => Promise<unknown>) => {
  const weights = model.getWeights()
  return (signal: AbortSignal) => {
    model.setWeights(weights)
    return work(signal)
  }
}
const hashed = (model: Model) =>
  model.getWeights().map(({ data }) => data.reduce((sum, x, i) => sum + x * (1 + (i % 7)), 0))

function compiled(model: Model, loss: 'mse' | 'sparseCategoricalCrossentropy' = 'mse'): Model {
  model.compile({ optimizer: optimizers.sgd({ learningRate: 0.01 }), loss })
  return model
}

const rows = (count: number, ...dims: number[]): ReturnType<typeof tensor> => {
  const shape = [count, ...dims]
  return tensor(wave(shape.reduce((a, b) => a * b)), shape)
}

const labels = (count: number, classes: number): ReturnType<typeof tensor> =>
  tensor(
    Int32Array.from({ length: count }, (_, i) => (i * 31) % classes),
    [count],
  )

describe('an abort takes effect at any size', () => {
  it('within one large product, forward and backward', async () => {
    const m = compiled(sequential([layers.dense({ units: 3072, inputShape: [3072] })], { seed: 1 }))
    const [x, y] = [rows(3072, 3072), rows(3072, 3072)]
    await m.predict(rows(1, 3072))
    const before = hashed(m)
    for (const wait of [150, 900]) {
      const fit = fromNow(m, (signal) => m.fit(x, y, { epochs: 1, batchSize: 3072, signal }))
      expect(await best(fit, wait)).toBeLessThan(bound)
    }
    expect(await best((signal) => m.predict(x, { batchSize: 3072, signal }), 150)).toBeLessThan(bound)
    // The unfinished step is discarded.
    expect(hashed(m)).toEqual(before)
  }, 60_000)

  it('within a loss over many classes', async () => {
    const m = sequential([layers.dense({ units: 20_000, activation: 'softmax', inputShape: [256] })], { seed: 1 })
    compiled(m, 'sparseCategoricalCrossentropy')
    const [x, y] = [rows(2048, 256), labels(2048, 20_000)]
    await m.predict(rows(1, 256))
    const before = hashed(m)
    for (const wait of [200, 500]) {
      const train = fromNow(m, (signal) => m.trainOnBatch(x, y, { signal }))
      expect(await best(train, wait)).toBeLessThan(bound)
      expect(await best((signal) => m.evaluate(x, y, { batchSize: 2048, signal }), wait)).toBeLessThan(bound)
    }
    expect(hashed(m)).toEqual(before)
  }, 60_000)

  it('within one step of a wide recurrent layer', async () => {
    const m = compiled(sequential([layers.lstm({ units: 1024, inputShape: [null, 256] })], { seed: 1 }))
    const [x, y] = [rows(2048, 4, 256), rows(2048, 1024)]
    await m.predict(rows(1, 1, 256))
    const before = hashed(m)
    for (const wait of [200, 1000]) {
      expect(await best((signal) => m.gradients(x, y, { signal }), wait)).toBeLessThan(bound)
      const fit = fromNow(m, (signal) => m.fit(x, y, { epochs: 1, batchSize: 2048, signal }))
      expect(await best(fit, wait)).toBeLessThan(bound)
    }
    expect(hashed(m)).toEqual(before)
  }, 60_000)

  it('while the first weights are drawn', async () => {
    const build = () => sequential([layers.lstm({ units: 1024, inputShape: [null, 8] })], { seed: 1 })
    const x = rows(1, 1, 8)
    let m = build()
    const start = (signal: AbortSignal) => {
      m = build()
      return m.predict(x, { signal })
    }
    expect(await best(start, 50)).toBeLessThan(bound)
    // What is left is drawn later, with the values that it would have had.
    expect((await m.predict(x)).data).toEqual((await build().predict(x)).data)
  }, 60_000)
})

describe('an abort does not wait', () => {
  const small = () => compiled(sequential([layers.dense({ units: 2, inputShape: [3] })], { seed: 1 }))
  const never = () => new Promise<void>(() => {})
  const [x, y] = [rows(8, 3), rows(8, 2)]

  it.each(['onTrainBegin', 'onEpochBegin', 'onEpochEnd', 'onTrainEnd'] as const)(
    'for the promise of %s',
    async (moment) => {
      const m = small()
      expect(await abortTime((signal) => m.fit(x, y, { callbacks: { [moment]: never }, signal }), 30)).toBeLessThan(
        bound,
      )
      // The model can be trained on, used and disposed.
      const { epoch } = await m.fit(x, y, {
        epochs: 2,
        callbacks: { onEpochEnd: async () => void (await m.evaluate(x, y)) },
      })
      expect(epoch).toEqual([0, 1])
      expect(m.predictSync(x)).toMatchObject({ shape: [8, 2] })
      m.dispose()
    },
  )

  it('for a callback that goes on later, and does not disturb the next training', async () => {
    const m = small()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const controller = new AbortController()
    const first = m.fit(x, y, { callbacks: { onEpochEnd: () => held }, signal: controller.signal })
    await sleep(20)
    controller.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    const second = m.fit(x, y, {
      epochs: 3,
      callbacks: {
        onEpochEnd: async (epoch) => {
          if (epoch === 0) release()
          await sleep(20)
          await m.predict(x)
        },
      },
    })
    expect((await second).epoch).toEqual([0, 1, 2])
  })

  it('for what a callback computes', async () => {
    const m = compiled(sequential([layers.dense({ units: 2048, inputShape: [2048] })], { seed: 1 }))
    const [wide, target] = [rows(2048, 2048), rows(2048, 2048)]
    let inner: unknown
    await m.predict(rows(1, 2048))
    const start = (signal: AbortSignal) => {
      // However fast the machine is, the abort comes while the callback computes, but for once between two computations.
      const onEpochBegin = async () => {
        try {
          while (!signal.aborted) await m.evaluate(wide, target, { batchSize: 2048 })
        } catch (error) {
          inner = (error as Error).name
        }
      }
      return m.fit(rows(1, 2048), rows(1, 2048), { callbacks: { onEpochBegin }, signal })
    }
    expect(await best(start, 400)).toBeLessThan(bound)
    for (let i = 0; i < 1000 && inner === undefined; i++) await sleep(10)
    expect(inner).toBe('AbortError')
  }, 30_000)

  it('for the calls before it', async () => {
    const m = sequential([layers.dense({ units: 2048, inputShape: [2048] })], { seed: 1 })
    const wide = rows(2048, 2048)
    const first = m.predict(wide, { batchSize: 2048 })
    expect(await abortTime((signal) => m.predict(wide, { signal }), 10)).toBeLessThan(bound)
    expect((await first).shape).toEqual([2048, 2048])
    const [one, other] = [new AbortController(), new AbortController()]
    const both = [m.predict(wide, { signal: one.signal }), m.predict(rows(1, 2048), { signal: other.signal })]
    one.abort()
    const [aborted, done] = await Promise.allSettled(both)
    expect([aborted?.status, done?.status]).toEqual(['rejected', 'fulfilled'])
  }, 30_000)

  it('for a time that has run out', async () => {
    const m = small()
    const error = await m
      .fit(x, y, { epochs: 1_000_000, signal: AbortSignal.timeout(50) })
      .catch((reason: Error & { cause?: Error }) => reason)
    expect(error).toMatchObject({ name: 'AbortError', cause: { name: 'TimeoutError' } })
  })

  it('and a signal that is never aborted changes no bit', async () => {
    const run = async (signal?: AbortSignal) => {
      const m = small()
      await m.fit(x, y, { epochs: 3, batchSize: 3, ...(signal && { signal }) })
      return values(m)
    }
    expect(await run(new AbortController().signal)).toEqual(await run())
  })
})

describe('an abort while texts are encoded', () => {
  const many = Array.from(
    { length: 150_000 },
    (_, n) => `word${n % 5000} and some more words of row ${n % 977}, which go on`,
  )
  const lists = many.map((text) => text.split(' '))
  const long = 'some words, and more, of one long text. '.repeat(150_000)

  it.each([
    ['many texts', many.map((text) => ({ source: text, target: text }))],
    ['many lists', lists.map((list) => ({ source: list, target: list }))],
    ['a long text', Array.from({ length: 2 }, () => ({ source: long, target: long }))],
  ])('ends the training of a translator: %s', async (_, pairs) => {
    const train = (signal: AbortSignal) =>
      new tasks.Translator({ units: 4, embedding: 4 }).train(pairs, { epochs: 1, signal })
    for (const wait of [50, 400]) expect(await best(train, wait)).toBeLessThan(bound)
  })

  it.each([
    ['many texts', many],
    ['many lists', lists],
  ])('ends the training of a captioner: %s', async (_, captions) => {
    const pairs = captions.map((caption, n) => ({ annotations: [[n % 3], [1]], caption }))
    const train = (signal: AbortSignal) =>
      new tasks.Captioner({ units: 4, embedding: 4 }).train(pairs, { epochs: 1, signal })
    for (const wait of [50, 600]) expect(await best(train, wait)).toBeLessThan(bound)
  })

  it('ends translating and measuring', async () => {
    const translator = new tasks.Translator({ units: 4, embedding: 4 })
    await translator.train([{ source: 'a b', target: 'c d' }], { epochs: 1 })
    const texts = many.map((_, n) => (n % 2 ? `${many[n]}` : long.slice(0, 200)))
    expect(await best((signal) => translator.translate(texts, { signal }), 40)).toBeLessThan(bound)
    const pairs = texts.map((text) => ({ source: text, target: text }))
    expect(await best((signal) => translator.evaluate(pairs, { signal }), 60)).toBeLessThan(bound)
  })
})
