import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Callback, callbacks, data, input, layers, model, optimizers, sequential } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { runProgram } from '../helpers/process.js'
import { classifier, memoryOf, pairs, trained, weightsOf } from '../helpers/streamed.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-datasets-training-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rows = pairs(75)
const [x, y] = memoryOf(rows)
const settings = { batchSize: 16, epochs: 3, shuffle: false }
const streamed = { batchSize: 16, epochs: 3 }

describe('training with a stream', () => {
  it('has the history of the same rows in memory, with validation from another stream', async () => {
    const [other, targets] = memoryOf(pairs(40))
    const [own, whole] = [classifier(), classifier()]
    const expected = await whole.fit(x, y, { ...settings, validationData: [other, targets] })
    expect(await own.fit(data.from(rows), { ...streamed, validationData: data.from(pairs(40)) })).toEqual(expected)
    expect(weightsOf(own)).toEqual(weightsOf(whole))
    const mixed = await classifier().fit(data.from(rows), { ...streamed, validationData: [other, targets] })
    expect(mixed).toEqual(expected)
    expect(await classifier().fit(x, y, { ...settings, validationData: data.from(pairs(40)) })).toEqual(expected)
    const some = { validationSteps: 1, validationFreq: 2, validationBatchSize: 8 }
    expect(
      await classifier().fit(data.from(rows), { ...streamed, ...some, validationData: data.from(pairs(40)).repeat() }),
    ).toEqual(await classifier().fit(x, y, { ...settings, ...some, validationData: [other, targets] }))
  })

  it('evaluates and predicts as with the same rows in memory', async () => {
    const m = classifier()
    expect(await m.evaluate(data.from(rows), { batchSize: 16 })).toEqual(await m.evaluate(x, y, { batchSize: 16 }))
    expect(await m.evaluate(data.from(rows).repeat(), { batchSize: 16, steps: 2, returnDict: true })).toEqual(
      await m.evaluate(x, y, { batchSize: 16, steps: 2, returnDict: true }),
    )
    const batches: number[] = []
    const seen: Callback = { onTestBatchEnd: (batch) => void batches.push(batch) }
    await m.evaluate(data.from(rows), { batchSize: 16, callbacks: seen })
    expect(batches).toEqual([0, 1, 2, 3, 4])
    const expected = await m.predict(x)
    expect(await m.predict(data.from(rows))).toEqual(expected)
    expect(await m.predict(data.from(x))).toEqual(expected)
    expect(await m.predict(data.from(x).batch(10))).toEqual(expected)
    expect((await m.predict(data.from(pairs(5000)), { batchSize: 100 })).shape).toEqual([5000, 2])
  })

  it('takes rows of different lengths', async () => {
    const tokens = Array.from({ length: 50 }, (_, i) =>
      Array.from({ length: 1 + ((i * 7) % 9) }, (_, t) => 1 + ((i + t * 3) % 9)),
    )
    const labels = tokens.map(({ length }) => length % 2)
    const build = () => {
      const m = sequential(
        [
          layers.embedding({ inputDim: 10, outputDim: 4, maskZero: true }),
          layers.gru({ units: 4 }),
          layers.dense({ units: 2, activation: 'softmax' }),
        ],
        { seed: 1 },
      )
      m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
      return m
    }
    const [own, whole] = [build(), build()]
    const source = data.from(tokens.map((each, i) => ({ x: each, y: labels[i] })))
    await own.fit(source, streamed)
    await whole.fit(tokens, labels, settings)
    expect(weightsOf(own)).toEqual(weightsOf(whole))
    expect(await own.predict(source)).toEqual(await whole.predict(tokens))
    await own.fit(source.batch(8, { bucketByLength: true }), { epochs: 1 })
  })

  it('takes several inputs, by name or in order, several outputs, and weights of rows', async () => {
    const build = () => {
      const [a, b] = [input({ shape: [2], name: 'a' }), input({ shape: [1], name: 'b' })]
      const joined = layers.concatenate().apply([a, b])
      const outputs = [
        layers.dense({ units: 1, name: 'p' }).apply(joined),
        layers.dense({ units: 1, name: 'q' }).apply(joined),
      ]
      const m = model({ inputs: [a, b], outputs, seed: 3 })
      m.compile({ optimizer: 'sgd', loss: 'mse' })
      return m
    }
    const weights = rows.map((_, i) => 1 + (i % 3))
    const each = rows.map(({ x, y }, i) => ({
      x: { a: x, b: [i / 75] },
      y: { p: [y], q: [1 - y] },
      sampleWeight: weights[i],
    }))
    const whole = build()
    const targets = { p: y.map((v) => [v]), q: y.map((v) => [1 - v]) }
    const expected = await whole.fit({ a: x, b: rows.map((_, i) => [i / 75]) }, targets, {
      ...settings,
      sampleWeight: weights,
    })
    const bits = whole.getWeights().map(({ data }) => [...data])
    const ways = [each, each.map(({ x, y, sampleWeight }) => ({ x: [x.a, x.b], y: [y.p, y.q], sampleWeight }))]
    for (const way of ways) {
      const m = build()
      expect(await m.fit(data.from<unknown>(way), streamed)).toEqual(expected)
      expect(m.getWeights().map(({ data }) => [...data])).toEqual(bits)
    }
    const batched = build()
    expect(await batched.fit(data.from(each).batch(16), { epochs: 3 })).toEqual(expected)
    expect((await batched.predict(data.from(each)))[1]?.shape).toEqual([75, 1])
  })

  it('classWeight weighs rows of a stream, too', async () => {
    const classWeight = { 1: 3 }
    expect(await trained(data.from(rows), { classWeight })).toEqual(await trained(x, y, { classWeight }))
  })

  it('stepsPerEpoch makes epochs of data without an end, and of several passes', async () => {
    const steps = { stepsPerEpoch: 5 }
    const [longer, targets] = memoryOf([...rows, ...rows.slice(0, 5)])
    expect(await trained(data.from(rows).repeat(), { ...steps, epochs: 1 })).toEqual(
      await trained(longer, targets, { epochs: 1 }),
    )
    // 75 rows are five batches.
    expect(await trained(data.from(rows), steps)).toEqual(await trained(x, y))
    const seen: (number | undefined)[] = []
    const each: Callback = {
      onBatchEnd: (_, { epoch = 0, batches }) => {
        if (epoch > 0) seen.push(batches as number | undefined)
      },
    }
    await classifier().fit(data.from(rows), { ...streamed, callbacks: each })
    expect([...new Set(seen)]).toEqual([5])
  })

  it('goes on exactly where an aborted training was', async () => {
    const source = () => data.from(pairs(400)).shuffle(64, { seed: 4 })
    for (const more of [{}, { stepsPerEpoch: 7 }, { stepsPerEpoch: 31 }]) {
      const fit = { batchSize: 16, epochs: 4, ...more }
      const whole = classifier()
      const expected = await whole.fit(source(), fit)
      const backup = callbacks.backupAndRestore({
        backupDir: join(folder, `backup-${JSON.stringify(more).length}-${more.stepsPerEpoch}`),
      })
      const controller = new AbortController()
      const abort: Callback = {
        onBatchEnd: (batch, { epoch }) => {
          if (epoch === 2 && batch >= 3) controller.abort()
        },
        // Batches that end while this thread is busy are told as one; every epoch is told.
        onEpochEnd: (epoch) => {
          if (epoch === 2) controller.abort()
        },
      }
      const cut = classifier().fit(source(), { ...fit, signal: controller.signal, callbacks: [backup, abort] })
      await expect(cut).rejects.toMatchObject({ name: 'AbortError' })
      const resumed = classifier()
      expect(await resumed.fit(source(), { ...fit, callbacks: backup })).toEqual(expected)
      expect(weightsOf(resumed)).toEqual(weightsOf(whole))
    }
  })

  it('backs up when it is aborted while it waits for rows', async () => {
    const backupDir = join(folder, 'waiting')
    const controller = new AbortController()
    let waits = true
    const source = data.from(async function* () {
      for (const [at, row] of rows.entries()) {
        // All rows that were given by then are trained on before.
        if (at === 64 && waits)
          await new Promise<void>((resolve) => setTimeout(resolve, 500)).then(() => controller.abort())
        if (at === 64 && waits) await new Promise(() => undefined)
        yield row
      }
    })
    const fit = { ...streamed, epochs: 1, batchSize: 1 }
    const backup = callbacks.backupAndRestore({ backupDir })
    const cut = classifier().fit(source, { ...fit, signal: controller.signal, callbacks: backup })
    await expect(cut).rejects.toMatchObject({ name: 'AbortError' })
    waits = false
    const [whole, resumed] = [classifier(), classifier()]
    await whole.fit(source, fit)
    const batches: number[] = []
    const noted: Callback = { onTrainBatchBegin: (batch) => void batches.push(batch) }
    await resumed.fit(source, { ...fit, callbacks: [backup, noted] })
    expect(batches[0]).toBeGreaterThan(0)
    expect(weightsOf(resumed)).toEqual(weightsOf(whole))
  })

  it('refuses to go on with other rows', async () => {
    const backup = callbacks.backupAndRestore({ backupDir: join(folder, 'others') })
    const crash: Callback = {
      onEpochBegin: (epoch) => {
        if (epoch === 1) throw new Error('killed')
      },
    }
    await expect(classifier().fit(data.from(rows), { ...streamed, callbacks: [backup, crash] })).rejects.toThrow(
      'killed',
    )
    const others = data.from(rows.map(({ x, y }) => ({ x: [x[0] + 1, x[1]], y })))
    await expect(classifier().fit(others, { ...streamed, callbacks: backup })).rejects.toEqual(
      coded('ERR_STATE', /other data/),
    )
  })

  it('ends as the training that nobody killed, 2 times of 2', async () => {
    const result = await runProgram<Record<string, number>>('kills.mjs', ['2', '7', 'stream'])
    expect(result).toMatchObject({ kills: 2, identical: 2 })
  }, 180_000)

  it('reads no more than a little ahead', async () => {
    let given = 0
    const source = data.from(async function* () {
      for (;;) {
        given++
        yield { x: Array.from({ length: 4096 }, () => 0), y: 0 }
      }
    })
    const m = sequential([layers.dense({ units: 1, inputShape: [4096] })])
    m.compile({ optimizer: optimizers.sgd(), loss: 'mse' })
    const stop: Callback = { onEpochEnd: (_, __, training) => training.stop() }
    await m.fit(source, { batchSize: 32, stepsPerEpoch: 10, epochs: 5, callbacks: stop })
    expect(given).toBeGreaterThanOrEqual(320)
    expect(given).toBeLessThan(320 + 32 * 6)
  })
})
