import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, layers, loadModel, optimizers, type Sequential, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'

const { schedules } = optimizers
const rows = 32
const x = tensor(
  Float32Array.from({ length: rows * 6 }, (_, i) => Math.sin(i)),
  [rows, 3, 2],
)
const y = Float32Array.from({ length: rows }, (_, i) => Math.cos(i))

function build(learningRate: optimizers.LearningRate): Sequential {
  const m = sequential([layers.gru({ units: 4, inputShape: [null, 2] }), layers.dense({ units: 1 })], { seed: 1 })
  m.compile({ optimizer: optimizers.sgd({ learningRate }), loss: 'mse' })
  return m
}

async function ratesOf(m: Sequential, epochs = 3): Promise<number[]> {
  const rates = [m.learningRate]
  const onEpochEnd = () => void rates.push(m.learningRate)
  await m.fit(x, y, { epochs, batchSize: 8, callbacks: { onEpochEnd } })
  return rates
}

describe('optimizers.schedules', () => {
  it('decide the learning rate of every step', async () => {
    const cosine = schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 8, name: 'changes nothing' })
    const [first, second, third, last] = await ratesOf(build(cosine))
    expect(first).toBeCloseTo(0.1, 12)
    expect(second).toBeCloseTo(0.05, 12)
    expect(third).toBeCloseTo(0, 12)
    expect(last).toBeCloseTo(0, 12)
    const steps = schedules.piecewiseConstantDecay({ boundaries: [4], values: [0.1, 0.01] })
    expect(await ratesOf(build(steps))).toEqual([0.1, 0.1, 0.01, 0.01])
    const stairs = schedules.exponentialDecay({
      initialLearningRate: 0.1,
      decaySteps: 4,
      decayRate: 0.5,
      staircase: true,
    })
    expect(await ratesOf(build(stairs))).toEqual([0.1, 0.05, 0.025, 0.0125])
    const inverse = schedules.inverseTimeDecay({ initialLearningRate: 0.1, decaySteps: 4, decayRate: 1 })
    expect((await ratesOf(build(inverse)))[1]).toBeCloseTo(0.05, 12)
    const linear = schedules.polynomialDecay({ initialLearningRate: 0.1, decaySteps: 8, endLearningRate: 0 })
    expect((await ratesOf(build(linear)))[1]).toBeCloseTo(0.05, 12)
    const restarts = schedules.cosineDecayRestarts({ initialLearningRate: 0.1, firstDecaySteps: 4 })
    expect((await ratesOf(build(restarts)))[1]).toBeCloseTo(0.1, 12)
    const warm = build(schedules.warmup({ learningRate: cosine, warmupSteps: 4 }))
    const rates = await ratesOf(warm)
    expect(rates[0]).toBe(0)
    expect(rates[1]).toBeCloseTo(0.1, 12)
    expect(rates[2]).toBeCloseTo(0.05, 12)
  })

  it('are saved and loaded, and go on at their step', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-schedule-'))
    const m = build(schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 8 }))
    await m.fit(x, y, { epochs: 1, batchSize: 8 })
    await m.save(folder)
    const again = await loadModel(folder)
    expect(again.learningRate).toBe(m.learningRate)
    expect(again.learningRate).toBeCloseTo(0.05, 12)
    rmSync(folder, { recursive: true })
  })

  it('cannot be overruled, and are checked', () => {
    const m = build(schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 8 }))
    expect(() => {
      m.learningRate = 0.1
    }).toThrow(expect.objectContaining({ code: 'ERR_STATE' }))
    for (const wrong of [
      () => schedules.cosineDecay({ initialLearningRate: -1, decaySteps: 8 }),
      () => schedules.cosineDecay({ initialLearningRate: 1 } as never),
      () => schedules.cosineDecay({ initialLearningRate: 1, decaySteps: 8, alpha: 2 }),
      () => schedules.piecewiseConstantDecay({ boundaries: [2, 1], values: [1, 1, 1] }),
      () => schedules.piecewiseConstantDecay({ boundaries: [2], values: [1] }),
      () => schedules.warmup({ learningRate: 'fast' as never, warmupSteps: 3 }),
      () => schedules.exponentialDecay({ initialLearningRate: 1, decaySteps: 0, decayRate: 0.5 }),
      () => optimizers.adam({ learningRate: { kind: 'linear' } as never }),
      () => optimizers.adam({ learningRate: { kind: 'cosineDecay', initialLearningRate: 1 } }),
    ]) {
      expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
  })
})

describe('one cycle and a warm-up in front of a cosine', () => {
  // 32 rows in batches of 8: four steps an epoch.
  it("have PyTorch's and Keras's values", async () => {
    const cycle = schedules.oneCycle({ maxLearningRate: 1, totalSteps: 10, finalDivFactor: 100 })
    const rates = await ratesOf(build(cycle))
    // At steps 0, 4, 8 and 12.
    const cosine = (done: number) => 0.0004 + (1 - 0.0004) * 0.5 * (1 + Math.cos(Math.PI * done))
    for (const [at, value] of [0.04, cosine(2 / 7), cosine(6 / 7), 0.0004].entries()) {
      expect(rates[at]).toBeCloseTo(value, 12)
    }
    const warm = schedules.cosineDecay({ initialLearningRate: 0, warmupTarget: 0.1, warmupSteps: 4, decaySteps: 8 })
    const found = await ratesOf(build(warm))
    for (const [at, value] of [0, 0.1, 0.05, 0].entries()) expect(found[at]).toBeCloseTo(value, 12)
    for (const wrong of [
      () => schedules.oneCycle({ maxLearningRate: 1 } as never),
      () => schedules.oneCycle({ maxLearningRate: 1, totalSteps: 9, annealStrategy: 'step' as never }),
      () => schedules.oneCycle({ maxLearningRate: 1, totalSteps: 9, pctStart: 2 }),
      () => schedules.cosineDecay({ initialLearningRate: 0, decaySteps: 9, warmupSteps: 3 }),
      () => schedules.cosineDecay({ initialLearningRate: 0, decaySteps: 9, warmupTarget: 'x' as never }),
      () => schedules.cosineDecay(undefined as never),
    ]) {
      expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
  })
})

describe('a learning rate that is a function of the step', () => {
  const halved = (step: number) => 0.1 / 2 ** step

  it('trains like the schedule that it stands for, in fit and batch by batch', async () => {
    const options = { initialLearningRate: 0.1, decaySteps: 1, decayRate: 0.5 }
    const [schedule, own, stepwise, other] = [
      build(schedules.exponentialDecay(options)),
      build(halved),
      build(halved),
      build(schedules.exponentialDecay(options)),
    ]
    expect(await ratesOf(own)).toEqual(await ratesOf(schedule))
    expect(own.getWeights()).toEqual(schedule.getWeights())
    for (const m of [stepwise, other]) for (let step = 0; step < 3; step++) await m.trainOnBatch(x, y)
    expect(stepwise.getWeights()).toEqual(other.getWeights())
    expect(stepwise.optimizer.iterations).toBe(3)
    expect(stepwise.clone().learningRate).toBe(halved(3))
  })

  it('is not saved: loading says so, and goes on as before once it is given again', async () => {
    const m = build(halved)
    await m.fit(x, y, { epochs: 1, batchSize: 8 })
    const warnings: string[] = []
    const listen = ({ message }: Error) => void warnings.push(message)
    process.on('warning', listen)
    const again = await loadModel(await m.toBytes())
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listen)
    expect(warnings).toEqual([expect.stringMatching(/learning rate .*was a function.*not saved/)])
    expect(again.learningRate).toBe(halved(4))
    again.optimizer.learningRate = halved
    for (const each of [m, again]) await each.fit(x, y, { epochs: 2, batchSize: 8, initialEpoch: 1 })
    expect(again.getWeights()).toEqual(m.getWeights())
    expect(again.optimizer).toMatchObject({ kind: 'sgd', iterations: 8 })
  })

  it('is checked, and may throw', async () => {
    const error = new RangeError('mine')
    const throws = () => {
      throw error
    }
    await expect(build(throws).fit(x, y)).rejects.toMatchObject({ code: 'ERR_OPTION', cause: error })
    for (const wrong of [Number.NaN, -1, '0.1', Number.POSITIVE_INFINITY]) {
      const m = build(() => wrong as number)
      const refused = { code: 'ERR_OPTION', message: expect.stringMatching(/learningRate.*for step 0/) }
      await expect(m.fit(x, y)).rejects.toMatchObject(refused)
      await expect(m.trainOnBatch(x, y)).rejects.toMatchObject(refused)
    }
    const m = build(0.1)
    expect(() => {
      m.optimizer.learningRate = 'fast' as never
    }).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    m.optimizer.learningRate = schedules.exponentialDecay({ initialLearningRate: 1, decaySteps: 1, decayRate: 0.5 })
    await m.trainOnBatch(x, y)
    expect(m.learningRate).toBe(0.5)
    expect(() => {
      m.optimizer.learningRate = 0.1
    }).toThrow(expect.objectContaining({ code: 'ERR_STATE' }))
  })
})

describe('callbacks.learningRateScheduler', () => {
  it('sets the rate of every epoch, which logs and the history have', async () => {
    const m = build(0.1)
    const given: unknown[][] = []
    const half = callbacks.learningRateScheduler((epoch, rate) => {
      given.push([epoch, rate])
      return rate / 2
    })
    const { history } = await m.fit(x, y, { epochs: 3, callbacks: half })
    expect(history.learning_rate).toEqual([0.05, 0.025, 0.0125])
    expect(given).toEqual([
      [0, 0.1],
      [1, 0.05],
      [2, 0.025],
    ])
    expect(() => callbacks.learningRateScheduler(3 as never)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    for (const rate of [undefined, Number.NaN, -1]) {
      const wrong = callbacks.learningRateScheduler(() => rate as number)
      await expect(m.fit(x, y, { callbacks: wrong })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    }
  })
})

describe('callbacks.reduceLROnPlateau', () => {
  const never = { monitor: 'loss', minDelta: 100, factor: 0.5 }
  const rates = async (options: callbacks.ReduceLROnPlateauOptions, epochs = 6) => {
    const m = build(0.08)
    const seen: number[] = []
    const watch = { onEpochEnd: () => void seen.push(m.learningRate) }
    await m.fit(x, y, { epochs, batchSize: 8, callbacks: [callbacks.reduceLROnPlateau(options), watch] })
    return seen
  }

  it('lowers the learning rate after epochs without improvement', async () => {
    expect(await rates({ ...never, patience: 2 })).toEqual([0.08, 0.08, 0.04, 0.04, 0.02, 0.02])
    expect(await rates({ ...never, patience: 1, cooldown: 2 })).toEqual([0.08, 0.04, 0.04, 0.02, 0.02, 0.01])
    expect(await rates({ ...never, patience: 1, minLr: 0.03 })).toEqual([0.08, 0.04, 0.03, 0.03, 0.03, 0.03])
  })

  it('refuses what is wrong', async () => {
    expect(() => callbacks.reduceLROnPlateau({ factor: 1 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    await expect(rates({ monitor: 'val_loss' })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    const m = build(schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 8 }))
    const plateau = callbacks.reduceLROnPlateau({ ...never, patience: 1 })
    await expect(m.fit(x, y, { epochs: 3, callbacks: plateau })).rejects.toMatchObject({ code: 'ERR_STATE' })
  })
})
