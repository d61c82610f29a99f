import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { normals } from '../helpers/normals.js'

const make = <T>(count: number, of: (t: number) => T): T[] => Array.from({ length: count }, (_, t) => of(t))
const wave = (t: number, period: number) => Math.sin((2 * Math.PI * t) / period)
const rmse = (pairs: readonly (readonly [number, number])[]) =>
  Math.sqrt(pairs.reduce((sum, [a, b]) => sum + (a - b) ** 2, 0) / pairs.length)

/** Errors and coverage over all steps ahead and all origins of what is held out, without an option but the horizon. */
async function measured(values: readonly number[], held: number, horizon: number) {
  const forecaster = new tasks.Forecaster({ horizon })
  const end = values.length - held
  await forecaster.train(values.slice(0, end))
  const steps = (await forecaster.evaluate(values.slice(end))).map(({ value }) => value)
  const count = steps.reduce((sum, one) => sum + one.count, 0)
  const mean = (of: (one: tasks.ForecastMeasures) => number) =>
    steps.reduce((sum, one) => sum + one.count * of(one), 0) / count
  const training = values.slice(0, end)
  const average = training.reduce((sum, x) => sum + x / end, 0)
  return {
    ours: Math.sqrt(mean((one) => one.rmse ** 2)),
    last: Math.sqrt(mean((one) => one.persistence ** 2)),
    average: rmse(values.slice(end).map((x) => [x, average])),
    coverage: mean((one) => one.coverage),
  }
}

/** Monthly airline passengers in thousands, 1949 to 1960 (Box and Jenkins 1976, series G). */
const passengers = [
  [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118],
  [115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140],
  [145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166],
  [171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194],
  [196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201],
  [204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229],
  [242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278],
  [284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271, 306],
  [315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336],
  [340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337],
  [360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405],
  [417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432],
].flat()

describe('a forecaster without options', () => {
  it.each([0, 1])(
    'forecasts a year of airline passengers better than the year before says: seed %i',
    async (seed) => {
      const forecaster = new tasks.Forecaster({ horizon: 12, seed })
      await forecaster.train(passengers.slice(0, 132))
      const found = forecaster.forecast().map(({ value }, i) => [value.median, passengers[132 + i] as number] as const)
      const yearBefore = rmse(found.map(([, value], i) => [passengers[120 + i] as number, value]))
      expect(yearBefore).toBeCloseTo(50.71, 2)
      expect(rmse(found)).toBeLessThan(0.6 * yearBefore)
    },
    60_000,
  )

  it.each([1, 2])(
    'forecasts trend and multiplied season of 144 months almost as well as can be: seed %i',
    async (seed) => {
      const normal = normals(seed)
      const mean = (t: number) => (100 + 2.5 * t) * (1 + 0.3 * wave(t, 12))
      const values = make(156, (t) => mean(t) * (1 + 0.03 * normal()))
      const forecaster = new tasks.Forecaster({ horizon: 12 })
      await forecaster.train(values.slice(0, 144))
      const found = forecaster.forecast().map(({ value }) => value.median)
      // Chance alone is 3 % of a mean of 475.
      expect(rmse(found.map((x, i) => [x, mean(144 + i)]))).toBeLessThan(1.3 * 14)
    },
    60_000,
  )

  it.each([1, 2, 3])(
    'is no worse than the last value on a random walk: seed %i',
    async (seed) => {
      const normal = normals(seed)
      let at = 100
      const walk = make(400, () => {
        at += normal()
        return at
      })
      const { ours, last } = await measured(walk, 100, 6)
      expect(ours).toBeLessThan(1.1 * last)
    },
    60_000,
  )

  it.each([1, 2, 3])(
    'forecasts the mean of white noise: seed %i',
    async (seed) => {
      const normal = normals(seed)
      const { ours, average } = await measured(
        make(300, () => 50 + 5 * normal()),
        100,
        3,
      )
      expect(ours).toBeLessThan(1.1 * average)
    },
    60_000,
  )

  it('goes on with values that never were negative, or below', async () => {
    const normal = normals(4)
    const { ours, last, average } = await measured(
      make(40, (t) => 2 * t - 30 + 3 * normal()),
      10,
      2,
    )
    expect(ours).toBeLessThan(1.1 * Math.min(last, average))
  }, 60_000)

  it.each([1, 2, 3])(
    'covers as many values as it is to: seed %i',
    async (seed) => {
      const normal = normals(seed)
      let x = 0
      const values = make(1500, () => {
        x = 0.7 * x + normal()
        return x
      })
      const { ours, coverage } = await measured(values, 500, 3)
      expect(coverage).toBeGreaterThan(0.85)
      expect(coverage).toBeLessThan(0.97)
      // What who knows how the series was made would forecast.
      const best = [1, 2, 3].flatMap((step) =>
        make(501 - step, (t) => [values[999 + t + step] as number, 0.7 ** step * (values[999 + t] as number)] as const),
      )
      expect(ours).toBeLessThan(1.1 * rmse(best))
    },
    60_000,
  )
})

describe('transform', () => {
  const growing = make(120, (t) => 10 * 1.03 ** t * (1 + 0.4 * wave(t, 6)))

  it('by itself takes logarithms of what grows by factors, and values of 0 and below that come later', async () => {
    const forecaster = new tasks.Forecaster({ horizon: 6 })
    await forecaster.train(growing)
    const next = make(126, (t) => 10 * 1.03 ** t * (1 + 0.4 * wave(t, 6))).slice(120)
    for (const [i, { value }] of forecaster.forecast().entries()) {
      expect(Math.abs(value.median / (next[i] as number) - 1)).toBeLessThan(0.05)
      expect(value.lower).toBeGreaterThan(0)
    }
    for (const value of [0, -5]) {
      for (const forecast of forecaster.update(value)) expect(Number.isFinite(forecast.value.median)).toBe(true)
    }
  }, 60_000)

  it('log takes only what is above 0', async () => {
    const forecaster = new tasks.Forecaster({ transform: 'log', units: 4 })
    await expect(forecaster.train([1, 2, 3, 0, 4])).rejects.toEqual(
      coded('ERR_DATA', /step 3: value is 0; the transform 'log' takes only values above 0/),
    )
    await forecaster.train(growing, { epochs: 1 })
    expect(() => forecaster.update(0)).toThrow(coded('ERR_DATA', /above 0/))
    expect(() => new tasks.Forecaster({ transform: 'ln' as never })).toThrow(coded('ERR_OPTION', /transform/))
  })
})

describe('saved', () => {
  it('forecasts the same, with season, logarithms and calibration', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-forecaster-'))
    try {
      const forecaster = new tasks.Forecaster({ horizon: 12, units: 4 })
      await forecaster.train(passengers, { epochs: 2 })
      await forecaster.save(join(folder, 'air'))
      const loaded = await tasks.Forecaster.load<'value'>(join(folder, 'air'))
      expect(loaded.forecast()).toEqual(forecaster.forecast())
      expect(loaded.update(420)).toEqual(forecaster.update(420))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it.each([
    [
      'linear forecasts',
      'forecasterRows',
      [
        [122.52218, 117.45222, 122.57281],
        [116.97158, 114.91224, 125.68542],
        [269.38314, 220.26051, 280.83152],
        [275.96861, 211.68562, 288.8144],
      ],
    ],
    [
      'effects of what is known',
      'forecasterLinear',
      [
        [111.01885, 107.61066, 114.53498],
        [116.95983, 114.73046, 119.23252],
        [218.90628, 212.37399, 225.63951],
        [236.00568, 231.63372, 240.46015],
      ],
    ],
  ])('before there were %s, forecasts as it did', async (_, fixture, expected) => {
    const day = (n: number) => new Date(Date.UTC(2024, 0, 1 + n)).toISOString().slice(0, 10)
    const known = ['north', 'south'].flatMap((store) =>
      [80, 81].map((t) => ({ date: day(t), store, promotion: t % 9 < 2 })),
    )
    const forecaster = await tasks.Forecaster.load<'sales', 'date', 'store'>(
      join(import.meta.dirname, '../fixtures', fixture),
    )
    for (const [i, { sales }] of forecaster.forecast({ known }).entries()) {
      const found = [sales.median, sales.lower, sales.upper]
      for (const [j, value] of found.entries()) expect(value).toBeCloseTo(expected[i]?.[j] as number, 2)
    }
  })
})
