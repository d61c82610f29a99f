import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

/** Two variables: a wave, and the same wave three steps later and a hundred times as large. */
function waves(count: number, start = 0): number[][] {
  const wave = (t: number) => Math.sin(t / 3) + 0.05 * Math.sin(t * 78.233)
  return Array.from({ length: count }, (_, i) => [wave(start + i), 500 + 100 * wave(start + i - 3)])
}

const options = { variables: ['here', 'there'], horizon: 2, window: 24, units: 16, seed: 5 } as const
const quick = { epochs: 12, learningRate: 0.01, batchSize: 8 } as const

describe('a trained Forecaster', () => {
  const forecaster = new tasks.Forecaster(options)
  const epochs: tasks.TaskEpoch[] = []
  let history: Awaited<ReturnType<typeof forecaster.train>>
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'seqloom-forecaster-'))
    history = await forecaster.train(waves(600), { ...quick, onEpoch: (epoch) => void epochs.push(epoch) })
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('reports its epochs', () => {
    expect(Object.keys(history.history).sort()).toEqual(['loss', 'val_loss'])
    expect(epochs).toHaveLength(12)
    expect(Object.keys(epochs[0] ?? {}).sort()).toEqual(['best', 'epoch', 'epochs', 'loss', 'seconds', 'valLoss'])
    const losses = epochs.map(({ valLoss }) => valLoss as number)
    expect(epochs.at(-1)?.best).toBe(1 + losses.indexOf(Math.min(...losses)))
  })

  it('beats the forecast that nothing changes, in each variable’s own units', async () => {
    const [one, two] = await forecaster.evaluate(waves(200, 600))
    expect(one?.here.count).toBe(200)
    expect(two?.there.count).toBe(199)
    for (const { here, there } of [one, two] as { here: tasks.ForecastMeasures; there: tasks.ForecastMeasures }[]) {
      expect(here.rmse).toBeLessThan(0.4 * here.persistence)
      expect(there.rmse).toBeLessThan(0.4 * there.persistence)
      expect(there.persistence / here.persistence).toBeCloseTo(100, -1)
      expect(here.coverage).toBeGreaterThan(0.6)
      expect(here.width).toBeLessThan(1)
    }
  })

  it('forecasts medians inside intervals, as many steps ahead as asked', () => {
    expect(forecaster.forecast()).toHaveLength(2)
    const [next] = forecaster.forecast(1)
    expect(next?.there.lower).toBeLessThanOrEqual(next?.there.median as number)
    expect(next?.there.upper).toBeGreaterThanOrEqual(next?.there.median as number)
    expect(Math.abs((next?.there.median as number) - (waves(1, 600)[0]?.[1] as number))).toBeLessThan(40)
    expect(() => forecaster.forecast(3)).toThrow(coded('ERR_OPTION', /1 to 2/))
  })

  it('updates step by step to what reading everything gives', async () => {
    const path = join(folder, 'stream')
    await forecaster.save(path)
    const streaming = await tasks.Forecaster.load<'here' | 'there'>(path)
    expect(streaming.variables).toEqual(['here', 'there'])
    expect(streaming.forecast()).toEqual(forecaster.forecast())
    let last = streaming.forecast()
    for (const row of waves(5, 600)) last = streaming.update(row)
    const whole = await tasks.Forecaster.load(path)
    await whole.read(waves(605))
    expect(last).toEqual(whole.forecast())
    expect(last).not.toEqual(forecaster.forecast())
    await streaming.save(path)
    expect((await tasks.Forecaster.load(path)).forecast()).toEqual(last)
  })

  it('leaves what it read as it was when it evaluates', async () => {
    const before = forecaster.forecast()
    await forecaster.evaluate(waves(10, 600))
    expect(forecaster.forecast()).toEqual(before)
  })

  it('refuses values and folders that are not its own', async () => {
    expect(() => forecaster.update(1)).toThrow(coded('ERR_DATA', /2 numbers \(here, there\)/))
    expect(() => forecaster.update([1, Number.NaN])).toThrow(coded('ERR_DATA', /there must be a finite number/))
    await expect(forecaster.evaluate([[1, 2]])).rejects.toEqual(coded('ERR_DATA', /horizon of 2/))
    await expect(forecaster.evaluate(waves(9), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
    const path = join(folder, 'altered')
    await forecaster.save(path)
    for (const name of readdirSync(path).filter((file) => file.startsWith('forecaster'))) {
      writeFileSync(join(path, name), '{}')
    }
    await expect(tasks.Forecaster.load(path)).rejects.toEqual(coded('ERR_FORMAT', /forecaster/))
    await forecaster.model.save(path)
    await expect(tasks.Forecaster.load(path)).rejects.toEqual(coded('ERR_FORMAT', /is no forecaster/))
  })
})

it('a forecaster saved before there were groups loads and forecasts as it did', async () => {
  const forecaster = await tasks.Forecaster.load<'a' | 'b'>(join(import.meta.dirname, '../fixtures/forecaster'))
  const medians = forecaster.forecast().flatMap(({ a, b }) => [a.median, b.median])
  const expected = [0.3406, 9.0094, 0.4044, 9.237]
  for (const [index, value] of expected.entries()) expect(medians[index]).toBeCloseTo(value, 3)
})

describe('training', () => {
  const single = Array.from({ length: 80 }, (_, t) => 10 + 5 * Math.sin(t / 2))

  it('fits the scaling to the training part only', async () => {
    const trained = async (end: number) => {
      const forecaster = new tasks.Forecaster({ window: 16, units: 4 })
      const series = [...single, ...Array.from({ length: 20 }, () => end)]
      await forecaster.train(series, { epochs: 2, validationSplit: 0.2, restoreBest: false })
      return forecaster.model.getWeights()
    }
    expect(await trained(12)).toEqual(await trained(1e6))
  })

  it('gives the same forecasts for the same seed', async () => {
    const train = async () => {
      const forecaster = new tasks.Forecaster({ transform: 'sqrt', cell: 'lstm', layers: 2, units: 4, dropout: 0.1 })
      await forecaster.train(Float32Array.from(single), { epochs: 2 })
      return forecaster.forecast()
    }
    const first = await train()
    expect(first).toEqual(await train())
    expect(first[0]?.value.lower).toBeGreaterThanOrEqual(0)
  })

  it('stops on a signal, ready to forecast', async () => {
    const forecaster = new tasks.Forecaster({ units: 4, window: 16 })
    const controller = new AbortController()
    const onEpoch = ({ epoch }: { epoch: number }) => {
      if (epoch === 2) controller.abort()
    }
    const training = forecaster.train(single, { epochs: 100_000, signal: controller.signal, onEpoch })
    await expect(training).rejects.toMatchObject({ name: 'AbortError' })
    expect(forecaster.forecast()).toHaveLength(1)
  })

  it('copes with a variable that never changes', async () => {
    const forecaster = new tasks.Forecaster({ units: 4, window: 16 })
    await forecaster.train(
      Array.from({ length: 50 }, () => 0.1),
      { epochs: 1 },
    )
    expect(forecaster.forecast()[0]?.value.median).toBeTypeOf('number')
  })

  it('validates as it is used, reading on from what it was trained on, and so keeps no early epoch', async () => {
    const months = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => {
        const t = from + i
        return 100 + 2.5 * t + (30 + 0.3 * t) * Math.sin((2 * Math.PI * t) / 12) + 8 * Math.sin(t * 78.233)
      })
    const [past, future] = [months(0, 144), months(144, 156)]
    const rmse = (of: readonly number[]) =>
      Math.sqrt(of.reduce((sum, value, i) => sum + (value - (future[i] as number)) ** 2, 0) / of.length)
    const persistence = rmse(future.map(() => past[143] as number))
    for (const epochs of [undefined, 40, 200]) {
      const forecaster = new tasks.Forecaster({ horizon: 12 })
      await forecaster.train(past, epochs === undefined ? {} : { epochs })
      expect(rmse(forecaster.forecast().map(({ value }) => value.median))).toBeLessThan(0.4 * persistence)
    }
  }, 120_000)

  it('takes series of any length from the horizon and two more on, and says what a validation split lacks', async () => {
    for (const [count, horizon] of [
      ...[3, 4, 5, 6, 12, 24, 25, 36].map((count) => [count, 1] as const),
      ...[14, 15, 24, 36, 60].map((count) => [count, 12] as const),
    ]) {
      const forecaster = new tasks.Forecaster({ horizon, units: 4 })
      await forecaster.train(single.slice(0, count), { epochs: 1 })
      expect(forecaster.forecast()).toHaveLength(horizon)
    }
    const long = new tasks.Forecaster({ horizon: 12 })
    await expect(long.train(single.slice(0, 13))).rejects.toEqual(coded('ERR_DATA', /13 steps; .*at least 14/))
    await expect(long.train(single.slice(0, 20), { validationSplit: 0.1 })).rejects.toEqual(
      coded('ERR_DATA', /validationSplit 0.1 holds out 12 of 20 steps/),
    )
  })

  it('fills what is missing where that is asked for', async () => {
    const gappy = single.map((value, t) => (t % 17 === 5 ? null : value))
    await expect(new tasks.Forecaster().train(gappy)).rejects.toEqual(coded('ERR_DATA', /step 5: .*fill/))
    for (const fill of ['linear', 'last', 'mask'] as const) {
      const forecaster = new tasks.Forecaster({ fill, units: 4, window: 16 })
      await forecaster.train(gappy, { epochs: 2 })
      expect(Number.isFinite(forecaster.update(Number.NaN)[0]?.value.median)).toBe(true)
    }
  })

  it('answers as before while it trains again, and can be disposed', async () => {
    const forecaster = new tasks.Forecaster({ units: 4, window: 16 })
    await forecaster.train(single, { epochs: 2 })
    const before = forecaster.forecast()
    const training = forecaster.train(single, { epochs: 5, learningRate: 0.02 })
    await expect(forecaster.train(single)).rejects.toEqual(coded('ERR_STATE', /running already/))
    expect(forecaster.forecast()).toEqual(before)
    expect(await forecaster.evaluate(single.slice(0, 10))).toHaveLength(1)
    await training
    expect(forecaster.forecast()).not.toEqual(before)
    const last = forecaster.train(single, { epochs: 2 })
    await forecaster.dispose()
    await last
    expect(() => forecaster.forecast()).toThrow(coded('ERR_STATE', /disposed/))
  })

  it('refuses bad input with a code and the place', async () => {
    const train = (series: unknown, more = {}) => new tasks.Forecaster().train(series as never, more)
    await expect(train('12')).rejects.toEqual(coded('ERR_DATA', /array of numbers/))
    await expect(train([1, 2])).rejects.toEqual(coded('ERR_DATA', /at least 3/))
    await expect(train([])).rejects.toEqual(coded('ERR_DATA'))
    await expect(train([...single, Number.POSITIVE_INFINITY])).rejects.toEqual(coded('ERR_DATA', /step 80: value/))
    await expect(train([...single, [1, 2]])).rejects.toEqual(coded('ERR_DATA', /step 80: expected a number/))
    await expect(train(single, { epochs: 0 })).rejects.toEqual(coded('ERR_OPTION', /epochs/))
    const rooted = new tasks.Forecaster({ transform: 'sqrt' })
    await expect(rooted.train([...single, -1])).rejects.toEqual(coded('ERR_DATA', /no negative values/))
    expect(() => new tasks.Forecaster({ interval: 1 })).toThrow(coded('ERR_OPTION', /interval/))
    expect(() => new tasks.Forecaster({ variables: ['a', 'a'] })).toThrow(coded('ERR_OPTION', /variables/))
    expect(() => new tasks.Forecaster().forecast()).toThrow(coded('ERR_STATE'))
    await expect(new tasks.Forecaster().save('nowhere')).rejects.toEqual(coded('ERR_STATE'))
  })
})
