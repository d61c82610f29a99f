import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { callbacks, layers, optimizers, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { abortBound, bestAbortTime } from '../helpers/abort.js'
import { wave } from '../helpers/models.js'

/** The most that a step of the event loop may be late while fit runs, at the 99th percentile, in milliseconds. */
const delayBound = 20
/** Other work on the machine may disturb one measurement; the best of a few is the program's own. */
const tries = 4

interface Size {
  batch: number
  time: number
  hidden: number
  rows: number
}

const small: Size = { batch: 4, time: 8, hidden: 8, rows: 2000 }
const large: Size = { batch: 64, time: 200, hidden: 512, rows: 128 }

function setUp({ time, hidden, rows }: Size) {
  const m = sequential(
    [layers.lstm({ units: hidden, inputShape: [null, hidden] }), layers.dense({ units: 2, activation: 'softmax' })],
    { seed: 1 },
  )
  m.compile({ optimizer: optimizers.adam({ learningRate: 1e-4 }), loss: 'sparseCategoricalCrossentropy' })
  const x = tensor(wave(rows * time * hidden), [rows, time, hidden])
  const y = tensor(
    Int32Array.from({ length: rows }, (_, i) => i % 2),
    [rows],
  )
  return { m, x, y }
}

/** The best measurement of at most `tries`, stopping at the first within `bound`. */
async function best(bound: number, measure: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < tries && least > bound; i++) least = Math.min(least, await measure())
  return least
}

/** The longest time that the event loop was held, in milliseconds, while `work` went on. */
async function longestDelay(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await sleep(5)
  histogram.reset()
  await work()
  await sleep(5)
  histogram.disable()
  return histogram.max / 1e6
}

/** The most that one turn of the event loop may be late, where nothing that grows with the model is done on its thread. */
const turnBound = 60

describe('the event loop stays free', () => {
  const wide = () => {
    const m = sequential([layers.lstm({ units: 1024, inputShape: [null, 16] }), layers.dense({ units: 1 })], {
      seed: 1,
    })
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    return m
  }
  const [x, y] = [tensor(wave(2 * 16), [2, 1, 16]), tensor(new Float32Array(2), [2, 1])]

  it('while the first weights are drawn', async () => {
    const delay = await best(turnBound, () => {
      const m = wide()
      return longestDelay(() => m.predict(x))
    })
    expect(delay).toBeLessThan(turnBound)
  }, 60_000)

  it('while the best weights are kept and put back', async () => {
    const m = wide()
    await m.predict(x)
    const stop = callbacks.earlyStopping({ monitor: 'loss', patience: 5, restoreBestWeights: true })
    const delay = await best(turnBound, () => longestDelay(() => m.fit(x, y, { epochs: 3, callbacks: stop })))
    expect(delay).toBeLessThan(turnBound)
  }, 60_000)
})

describe('while fit runs', () => {
  it.each([
    ['small steps', small, 20],
    ['large steps', { ...large, rows: 64 }, 2],
  ])('the event loop stays free (%s)', async (_, size, epochs) => {
    const { m, x, y } = setUp(size)
    const delay = await best(delayBound, async () => {
      const histogram = monitorEventLoopDelay({ resolution: 1 })
      histogram.enable()
      await m.fit(x, y, { epochs, batchSize: size.batch })
      histogram.disable()
      return histogram.percentile(99) / 1e6
    })
    expect(delay).toBeLessThan(delayBound)
  })

  it.each([
    ['small', small],
    ['large', large],
  ])('an abort rejects at once (%s)', async (_, size) => {
    const { m, x, y } = setUp(size)
    const taken = await bestAbortTime((signal) => m.fit(x, y, { epochs: 1000, batchSize: size.batch, signal }), 300)
    expect(taken).toBeLessThan(abortBound)
    // The model can be used again, with finite weights.
    const { data } = await m.predict(tensor(wave(size.hidden), [1, 1, size.hidden]))
    expect(data.every(Number.isFinite)).toBe(true)
  })

  it('an abort during predict rejects at once', async () => {
    const { m } = setUp(large)
    const x = tensor(wave(384 * 200 * 512), [384, 200, 512])
    const taken = await bestAbortTime((signal) => m.predict(x, { batchSize: 64, signal }), 400)
    expect(taken).toBeLessThan(abortBound)
  })

  it('a signal that is aborted already rejects without a step', async () => {
    const { m, x, y } = setUp(small)
    const before = Object.values(m.namedWeights()).map(({ data }) => Array.from(data))
    await expect(m.fit(x, y, { epochs: 1, signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(Object.values(m.namedWeights()).map(({ data }) => Array.from(data))).toEqual(before)
  })
})
