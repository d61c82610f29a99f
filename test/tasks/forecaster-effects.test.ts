import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { normals } from '../helpers/normals.js'

const day = (n: number) => new Date(Date.UTC(2024, 0, 1 + n)).toISOString().slice(0, 10)

/** Shops that differ in their week, and in what prices and promotions do: sales, and what they would be without chance. */
function shopRows(seed: number, days: number) {
  const normal = normals(seed)
  return ['north', 'east', 'south', 'west'].flatMap((store, shop) =>
    Array.from({ length: days }, (_, t) => {
      const promotion = (t * 7919 + shop * 31) % 13 < 3
      const price = [1, 1.1, 0.9, 1.2][(t * 31 + shop * 7) % 4] as number
      const week = 1 + 0.4 * Math.sin((2 * Math.PI * (t + 2 * shop)) / 7) + 0.1 * ((t * t + shop) % 7 === 2 ? 1 : 0)
      const factor = (promotion ? 1.2 + 0.3 * shop : 1) * price ** -(0.3 + shop)
      const mean = 50 * 3 ** shop * week * factor
      return { date: day(t), store, promotion, price, mean, sales: mean * Math.exp(0.05 * normal()) }
    }),
  )
}

type Row = ReturnType<typeof shopRows>[number]
const plain = (rows: readonly Row[]) => rows.map(({ mean, ...row }) => row)
const until = (rows: readonly Row[], t: number) => plain(rows.filter(({ date }) => date < day(t)))
const from = (rows: readonly Row[], t: number, count: number) =>
  rows.filter(({ date }) => date >= day(t) && date < day(t + count))

/** The weighted absolute percentage errors of forecasts, and of chance alone. */
function errors(
  forecasts: readonly { date: unknown; store: unknown; sales: tasks.Forecast }[],
  rows: readonly Row[],
): { ours: number; chance: number } {
  const size = rows.reduce((sum, { sales }) => sum + sales, 0)
  const error = rows.map((row) => {
    const found = forecasts.find(({ date, store }) => date === row.date && store === row.store)
    return Math.abs((found?.sales.median as number) - row.sales) / size
  })
  return {
    ours: error.reduce((sum, x) => sum + x, 0),
    chance: rows.reduce((sum, { sales, mean }) => sum + Math.abs(sales - mean), 0) / size,
  }
}

describe('what is known ahead has effects of its own on each series', () => {
  const rows = shopRows(1, 240)
  const forecaster = new tasks.Forecaster({
    ...{ variables: ['sales'], time: 'date', group: 'store', horizon: 14, window: 28, units: 8 },
    covariates: { known: ['promotion', 'price'] },
  })
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'seqloom-effects-'))
    await forecaster.train(until(rows, 212), { epochs: 3 })
  }, 120_000)
  afterAll(async () => {
    await forecaster.dispose()
    rmSync(folder, { recursive: true, force: true })
  })

  it('so that forecasts are nearly as good as chance lets them be', async () => {
    const first = from(rows, 212, 14)
    const second = from(rows, 226, 14)
    const found = forecaster.forecast({ known: plain(first) })
    await forecaster.save(join(folder, 'shops'))
    forecaster.update(plain(first))
    found.push(...forecaster.forecast({ known: plain(second) }))
    const { ours, chance } = errors(found, [...first, ...second])
    expect(ours).toBeLessThan(1.2 * chance)
  })

  it('saved as well', async () => {
    const loaded = await tasks.Forecaster.load<'sales', 'date', 'store'>(join(folder, 'shops'))
    loaded.update(plain(from(rows, 212, 14)))
    const known = plain(from(rows, 226, 14))
    expect(loaded.forecast({ known })).toEqual(forecaster.forecast({ known }))
    await loaded.dispose()
  })

  it('also of one with few rows, which goes by the others', async () => {
    // What is alike in all shops; a new one has been open for two weeks.
    const normal = normals(5)
    const of = (t: number, store: string, level: number) => {
      const promotion = (t * 7919 + level) % 13 < 3
      const mean = level * (1 + 0.4 * Math.sin((2 * Math.PI * t) / 7)) * (promotion ? 1.8 : 1)
      return { date: day(t), store, promotion, price: 1, mean, sales: mean * Math.exp(0.05 * normal()) }
    }
    const shops = [of, of, of].flatMap((make, shop) =>
      Array.from({ length: 240 }, (_, t) => make(t, `shop ${shop}`, 100 * 2 ** shop)),
    )
    const young = Array.from({ length: 42 }, (_, i) => of(198 + i, 'new', 500))
    const all = [...shops, ...young]
    const short = new tasks.Forecaster({
      ...{ variables: ['sales'], time: 'date', group: 'store', horizon: 14, window: 28, units: 8 },
      covariates: { known: ['promotion'] },
    })
    await short.train(until(all, 212), { epochs: 3 })
    const found = short.forecast({ known: plain(from(all, 212, 14)) })
    const { ours, chance } = errors(found, from(young, 212, 14))
    expect(ours).toBeLessThan(2 * chance)
    await short.dispose()
  }, 120_000)
})

describe('a random walk', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'is forecast by its last value, or nearly: seed %i',
    async (seed) => {
      const normal = normals(seed)
      let at = 100
      const values = Array.from({ length: 300 }, () => {
        at += normal()
        return at
      })
      const forecaster = new tasks.Forecaster({ horizon: 6, units: 8 })
      await forecaster.train(values.slice(0, 220))
      const steps = (await forecaster.evaluate(values.slice(220))).map(({ value }) => value)
      const mean = (of: (one: tasks.ForecastMeasures) => number) => steps.reduce((sum, one) => sum + of(one) ** 2, 0)
      expect(Math.sqrt(mean(({ rmse }) => rmse) / mean(({ persistence }) => persistence))).toBeLessThan(1.1)
      await forecaster.dispose()
    },
    60_000,
  )
})
