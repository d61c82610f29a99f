import { type Callback, data, layers, optimizers, sequential } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { classifier, memoryOf, type Pair, pairs, weightsOf } from '../helpers/streamed.js'

const rows = pairs(75)
const [x, y] = memoryOf(rows)
const fit = { batchSize: 16, epochs: 2 }

/** Rows with others in between. */
const between = (at: number, ...others: unknown[]) =>
  data.from<unknown>([...rows.slice(0, at), ...others, ...rows.slice(at)])

describe('training with a stream refuses', () => {
  it.each([
    ['nothing', data.from([]), /no rows in the array/],
    ['all rows filtered away', data.from(rows).filter(() => false), /no rows/],
    ['rows of other sizes', between(50, { x: [1, 2, 3], y: 0 }), /row 50/],
    ['other rows', between(50, 'row'), /expected rows or batches.*'row'/],
    ['rows without y', between(50, { x: [1, 2] }), /^the array: row 50 has no y.*filter/],
    ['rows whose y is null', between(50, { x: [1, 2], y: null }), /^the array: row 50 has no y/],
    ['rows without y first', between(0, { x: [1, 2] }), /the rows have no y/],
    ['rows with other parts', between(50, { x: [1, 2], z: 0 }), /x, y and sampleWeight, not 'z'/],
    ['one row with a weight', between(50, { x: [1, 2], y: 0, sampleWeight: 2 }), /row 50 has a sampleWeight/],
    ['labels that are none', between(50, { x: [1, 2], y: 7 }), /row 50/],
    ['texts', between(50, { x: ['a', 'b'], y: 0 }), /row 50/],
    ['numbers alone', data.from([1, 2, 3]), /expected rows or batches/],
  ])('%s', async (_, source, message) => {
    const m = classifier()
    await expect(m.fit(source, fit)).rejects.toEqual(
      expect.objectContaining({ name: 'SeqloomError', message: expect.stringMatching(message) }),
    )
    // It works on.
    await m.fit(data.from(rows), fit)
    await expect(m.evaluate(source)).rejects.toMatchObject({ name: 'SeqloomError' })
  })

  it('what is needed and missing, or does not go with a stream', async () => {
    const m = classifier()
    const endless = data.from(rows).repeat()
    const cases: [() => Promise<unknown>, RegExp][] = [
      [() => m.fit(endless, fit), /never end.*stepsPerEpoch/],
      [() => m.fit(data.from(rows), { ...fit, validationData: endless }), /never end.*validationSteps/],
      [() => m.evaluate(endless), /never end.*steps/],
      [() => m.predict(endless), /never end.*take/],
      [() => m.fit(data.from(rows), { ...fit, shuffle: true }), /\.shuffle\(buffer/],
      [() => m.fit(data.from(rows), { ...fit, bucketByLength: true }), /bucketByLength/],
      [() => m.fit(data.from(rows), { ...fit, validationSplit: 0.2 }), /cannot be split/],
      [() => m.fit(data.from(rows), { ...fit, sampleWeight: [1] }), /bring their own sampleWeight/],
      [() => m.evaluate(data.from(rows), { sampleWeight: [1] }), /bring their own sampleWeight/],
      [() => m.fit(data.from(rows) as never, y as never, fit), /bring their own targets/],
      [() => m.fit(data.from(rows).batch(8), fit), /batchSize must be left out/],
    ]
    for (const [call, message] of cases) await expect(call()).rejects.toEqual(coded('ERR_OPTION', message))
    m.compile({ optimizer: optimizers.sgd({ learningRate: () => 0.1 }), loss: 'sparseCategoricalCrossentropy' })
    await expect(m.fit(data.from(rows), fit)).rejects.toEqual(coded('ERR_OPTION', /needs stepsPerEpoch/))
    await m.fit(data.from(rows), { ...fit, stepsPerEpoch: 3 })
    expect(() => m.predictSync(data.from(rows) as never)).toThrow(coded('ERR_UNSUPPORTED', /fit, evaluate and predict/))
    const stateful = sequential([layers.gru({ units: 2, stateful: true, batchInputShape: [1, null, 2] })])
    await expect(stateful.predict(data.from([[[1, 2]]]))).rejects.toEqual(coded('ERR_UNSUPPORTED', /stateful/))
    const seen: Callback = { onPredictBegin: () => undefined }
    await expect(m.predict(data.from(rows), { callbacks: seen })).rejects.toEqual(coded('ERR_UNSUPPORTED', /callbacks/))
  })

  it('a stream that ends too early, once what there is was trained with', async () => {
    const source = async function* () {
      yield* rows
    }
    const m = classifier()
    const short = m.fit(source(), { ...fit, stepsPerEpoch: 10 })
    await expect(short).rejects.toEqual(coded('ERR_DATA', /ended before.*stepsPerEpoch/))
    await m.fit(x, y, { epochs: 1 })
    // 75 rows are five batches, which is enough.
    await m.fit(source(), { batchSize: 16, epochs: 1, stepsPerEpoch: 5 })
    await m.fit(source(), { batchSize: 16, epochs: 2, stepsPerEpoch: 2 })
  })

  it('what a source throws in the middle, as it is; steps before it are kept, and the model works on', async () => {
    const broken = data.from(() =>
      (async function* (): AsyncGenerator<Pair> {
        yield* pairs(5000)
        throw new RangeError('the disk is gone')
      })(),
    )
    const m = classifier()
    const before = weightsOf(m)
    await expect(m.fit(broken, fit)).rejects.toThrow(new RangeError('the disk is gone'))
    expect(weightsOf(m)).not.toEqual(before)
    await expect(m.evaluate(broken)).rejects.toThrow(new RangeError('the disk is gone'))
    await expect(m.predict(broken)).rejects.toThrow(new RangeError('the disk is gone'))
    await expect(m.fit(x, y, { ...fit, validationData: broken })).rejects.toThrow(new RangeError('the disk is gone'))
    await m.fit(data.from(rows), fit)
  })

  it('to wait any longer once aborted, also for a source that never answers', async () => {
    const stuck = () =>
      data.from(() => ({
        async *[Symbol.asyncIterator]() {
          yield* rows
          await new Promise(() => undefined)
        },
      }))
    const m = classifier()
    const ways = [
      (signal: AbortSignal) => m.fit(stuck(), { ...fit, signal }),
      (signal: AbortSignal) => m.evaluate(stuck(), { signal }),
      (signal: AbortSignal) => m.predict(stuck(), { signal }),
      (signal: AbortSignal) => m.fit(x, y, { ...fit, signal, validationData: stuck() }),
      (signal: AbortSignal) => m.fit(stuck().skip(75), { ...fit, signal }),
    ]
    for (const way of ways) {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 60)
      await expect(way(controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
    }
    await m.fit(x, y, fit)
  })

  it('to go on once a callback throws or stops it', async () => {
    const m = classifier()
    const crash: Callback = {
      onEpochEnd: () => {
        throw new Error('enough')
      },
    }
    await expect(m.fit(data.from(rows), { ...fit, callbacks: crash })).rejects.toThrow('enough')
    const stop: Callback = { onEpochEnd: (_, __, training) => training.stop() }
    const { epoch } = await m.fit(data.from(rows), { ...fit, epochs: 9, callbacks: stop })
    expect(epoch).toEqual([0])
  })
})
