import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data, tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const day = (n: number) => new Date(Date.UTC(2024, 0, 1 + n)).toISOString().slice(0, 10)

/** Two shops of different size: a weekly season, a promotion every few days that adds half, and a little noise. */
function shopRows(days: number, start = 0) {
  const noise = (t: number) => 1 + 0.02 * Math.sin(t * 78.233)
  return [
    { store: 'north', level: 100 },
    { store: 'south', level: 2000 },
  ].flatMap(({ store, level }, shop) =>
    Array.from({ length: days }, (_, i) => {
      const t = start + i
      const promotion = (t * 7919 + shop * 31) % 11 < 3
      const week = 1 + 0.3 * Math.sin((2 * Math.PI * (t + 2 * shop)) / 7)
      return {
        date: day(t),
        store,
        promotion,
        sales: level * week * (promotion ? 1.5 : 1) * noise(t + shop),
        visitors: level * week,
      }
    }),
  )
}

const knownOf = (rows: ReturnType<typeof shopRows>) =>
  rows.map(({ date, store, promotion }) => ({ date, store, promotion }))

function wape(
  forecasts: readonly { date: unknown; store: unknown; sales: tasks.Forecast }[],
  rows: ReturnType<typeof shopRows>,
) {
  let [error, size] = [0, 0]
  for (const { date, store, sales } of forecasts) {
    const row = rows.find((one) => one.date === date && one.store === store) as (typeof rows)[number]
    error += Math.abs(row.sales - sales.median)
    size += row.sales
  }
  return error / size
}

describe('a forecaster of rows with time, group and covariates', () => {
  const forecaster = new tasks.Forecaster({
    ...{ variables: ['sales'], time: 'date', group: 'store', horizon: 7, window: 28, units: 16, seed: 3 },
    covariates: { known: ['promotion'], past: ['visitors'] },
  })
  const future = shopRows(7, 160)
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'seqloom-forecaster-'))
    // The newest first, and the shops mixed.
    await forecaster.train(shopRows(160).reverse(), { epochs: 12, learningRate: 0.01 })
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  it('forecasts each series on its coming dates', () => {
    const forecasts = forecaster.forecast({ known: knownOf(future) })
    expect(forecasts.map(({ date, store }) => `${store} ${date}`).sort()).toEqual(
      future.map(({ date, store }) => `${store} ${date}`).sort(),
    )
    expect(wape(forecasts, future)).toBeLessThan(0.1)
    for (const { sales } of forecasts) {
      expect(sales.lower).toBeLessThanOrEqual(sales.median)
      expect(sales.median).toBeLessThanOrEqual(sales.upper)
    }
  })

  it('knows what a promotion does', () => {
    const sold = (promotion: boolean) =>
      forecaster
        .forecast({ known: knownOf(future).map((row) => ({ ...row, promotion })) })
        .reduce((sum, { sales }) => sum + sales.median, 0)
    expect(sold(true) / sold(false)).toBeGreaterThan(1.25)
  })

  it('says which rows of the time to come are missing', () => {
    expect(() => forecaster.forecast()).toThrow(
      coded('ERR_DATA', /promotion.*'south': 2024-06-09 to 2024-06-15 \(7 steps\)/),
    )
    const some = knownOf(future).filter(({ date, store }) => store !== 'north' || date !== '2024-06-12')
    expect(() => forecaster.forecast({ known: some })).toThrow(coded('ERR_DATA', /'north': 2024-06-12 \(1 step\)$/))
    const strange = [...knownOf(future), { date: '2024-06-12', store: 'west', promotion: false }]
    expect(() => forecaster.forecast({ known: strange })).toThrow(coded('ERR_DATA', /row 14: there is no store 'west'/))
  })

  it('goes on with rows as they come, saved or not', async () => {
    const path = join(folder, 'shops')
    await forecaster.save(path)
    const streaming = await tasks.Forecaster.load<'sales', 'date', 'store'>(path)
    expect(streaming.forecast({ known: knownOf(future) })).toEqual(forecaster.forecast({ known: knownOf(future) }))
    for (let t = 0; t < 3; t++) expect(streaming.update(shopRows(1, 160 + t))).toEqual([])
    const whole = await tasks.Forecaster.load<'sales', 'date', 'store'>(path)
    await whole.read(shopRows(163))
    const known = knownOf(shopRows(7, 163))
    const [one, two] = [streaming.forecast({ known }), whole.forecast({ known })]
    const order = (a: { store: unknown }, b: { store: unknown }) => String(a.store).localeCompare(String(b.store))
    expect(one.sort(order)).toEqual(two.sort(order))
    expect(() => streaming.update(shopRows(1, 162))).toThrow(
      coded('ERR_DATA', /2024-06-11, which was read already; the next step is 2024-06-12/),
    )
    expect(() => streaming.update(shopRows(1, 170))).toThrow(coded('ERR_DATA', /missing.*2024-06-12/))
    const west = shopRows(1, 163)
      .slice(0, 1)
      .map((row) => ({ ...row, store: 'west' }))
    expect(() => streaming.update(west)).toThrow(coded('ERR_DATA', /store 'west' was not among those trained on/))
  })

  it('measures each group by itself, too', async () => {
    const measured = (await forecaster.evaluate(shopRows(21, 160)))[0]?.sales
    expect(measured?.count).toBe(42)
    expect(measured?.wape).toBeLessThan(0.1)
    expect(measured?.coverage).toBeGreaterThan(0.5)
    expect(measured?.groups?.map(({ group, count }) => [group, count]).sort()).toEqual([
      ['north', 21],
      ['south', 21],
    ])
  })
})

describe('rows', () => {
  const fill = async (given: tasks.ForecasterOptions, rows: readonly Record<string, unknown>[], more = {}) => {
    const forecaster = new tasks.Forecaster<string, string, string>({
      variables: ['v'],
      time: 't',
      units: 2,
      window: 8,
      ...given,
    })
    await forecaster.train(rows as never, { epochs: 1, validationSplit: 0, ...more })
    return forecaster
  }
  const series = (times: readonly unknown[]) => times.map((t, i) => ({ t, v: 10 + (i % 3) }))
  const months = (count: number) =>
    Array.from({ length: count }, (_, m) => new Date(Date.UTC(2023, m + 1, 0)).toISOString().slice(0, 10))

  it.each([
    ['days', ['2024-02-26', '2024-02-27', '2024-02-28'], ['2024-02-29', '2024-03-01']],
    ['months', ['2023-10', '2023-11', '2023-12'], ['2024-01', '2024-02']],
    ['ends of months', months(3), ['2023-04-30', '2023-05-31']],
    ['the 30th of months', ['2023-12-30', '2024-01-30', '2024-02-29', '2024-03-30'], ['2024-04-30', '2024-05-30']],
    ['quarters', ['2023-Q2', '2023-Q3', '2023-Q4'], ['2024-Q1', '2024-Q2']],
    ['years', ['2019', '2020', '2021'], ['2022', '2023']],
    ['weeks', ['2024-01-01', '2024-01-08', '2024-01-15'], ['2024-01-22', '2024-01-29']],
    [
      'hours',
      ['2024-01-01T22:00Z', '2024-01-01T23:00Z', '2024-01-02T00:00Z'],
      ['2024-01-02T01:00Z', '2024-01-02T02:00Z'],
    ],
    [
      'quarters of an hour',
      ['2024-01-01 23:30', '2024-01-01 23:45', '2024-01-02 00:00'],
      ['2024-01-02 00:15', '2024-01-02 00:30'],
    ],
    [
      'open weekdays',
      ['2024-01-04', '2024-01-05', '2024-01-08', '2024-01-09', '2024-01-10', '2024-01-11', '2024-01-12'],
      ['2024-01-15', '2024-01-16'],
    ],
    [
      'days of a zone with summer time',
      [
        '2024-03-29T00:00:00+01:00',
        '2024-03-30T00:00:00+01:00',
        '2024-03-31T00:00:00+01:00',
        '2024-04-01T00:00:00+02:00',
      ],
      ['2024-04-02T00:00:00+02:00', '2024-04-03T00:00:00+02:00'],
    ],
    ['German days', ['29.12.2026', '30.12.2026', '31.12.2026'], ['01.01.2027', '02.01.2027']],
    [
      'German hours',
      ['31.1.2026 21:00', '31.1.2026 22:00', '31.1.2026 23:00'],
      ['01.02.2026 00:00', '01.02.2026 01:00'],
    ],
    ['plain numbers', [10, 12, 14, 16], [18, 20]],
    ['milliseconds', [1.7e12, 1.7e12 + 60_000, 1.7e12 + 120_000], [1.7e12 + 180_000, 1.7e12 + 240_000]],
    [
      'Dates',
      [new Date(Date.UTC(2024, 0, 1)), new Date(Date.UTC(2024, 0, 2)), new Date(Date.UTC(2024, 0, 3))],
      [new Date(Date.UTC(2024, 0, 4)), new Date(Date.UTC(2024, 0, 5))],
    ],
  ])('go on by %s', async (_, times, expected) => {
    const rows = times.length > 3 ? series(times) : series([...times])
    const forecaster = await fill({ horizon: 1 }, rows)
    const [next] = forecaster.forecast()
    expect(next?.t).toEqual(expected[0])
    forecaster.update({ t: expected[0], v: 11 })
    expect(forecaster.forecast()[0]?.t).toEqual(expected[1])
  })

  it('keep the type of their groups', async () => {
    const rows = [1, 2].flatMap((shop) => series([0, 1, 2, 3, 4]).map((row) => ({ ...row, shop })))
    const forecaster = await fill({ group: 'shop' }, rows)
    expect(forecaster.forecast().map(({ shop, t }) => [shop, t])).toEqual([
      [1, 5],
      [2, 5],
    ])
  })

  it('that are doubled, missing, irregular or no rows are refused, and named', async () => {
    const days = Array.from({ length: 12 }, (_, i) => day(i))
    const train = (times: readonly unknown[], options = {}) => fill(options, series(times))
    await expect(train([...days, day(3)])).rejects.toEqual(
      coded('ERR_DATA', /rows 3 and 12 are both of 2024-01-04.*group/),
    )
    await expect(train(days.filter((_, i) => i !== 3 && i !== 4))).rejects.toEqual(
      coded(
        'ERR_DATA',
        /2 of 12 steps are missing \(they go on by days\), the first 2024-01-04, between rows 2 and 3; .*fill/,
      ),
    )
    await expect(train([...days, '2024-01-13T05:00'])).rejects.toEqual(
      coded('ERR_DATA', /not regular: between rows 11 and 12/),
    )
    await expect(train([...days, '2024-02-30'])).rejects.toEqual(
      coded('ERR_DATA', /row 12: t must be a date.*'2024-02-30'/),
    )
    await expect(train([...days, '13/01/2024'])).rejects.toEqual(
      coded('ERR_DATA', /row 12: t must be a date.*; write the year first, or .* with points/),
    )
    await expect(train([...days, '12.31.2024'])).rejects.toEqual(
      coded('ERR_DATA', /row 12: t must be a date.*year first/),
    )
    await expect(train(['01.02.2024', '02.02.2024', '03.02.2024'])).rejects.toEqual(
      coded('ERR_DATA', /row 0: t is '01\.02\.2024', and no row .* '2024-02-01' or '2024-01-02'/),
    )
    await expect(train([...days, 5])).rejects.toEqual(coded('ERR_DATA', /row 12: t is 5, in row 0 it is '2024-01-01'/))
    await expect(fill({}, [{ t: day(0) }, { t: day(1) }])).rejects.toEqual(coded('ERR_DATA', /no row has a field 'v'/))
    await expect(fill({}, [{ t: day(0), v: 1 }, 3 as never])).rejects.toEqual(
      coded('ERR_DATA', /row 1 must be an object/),
    )
    expect(() => new tasks.Forecaster({ group: 'store' })).toThrow(coded('ERR_OPTION', /group needs time/))
    expect(() => new tasks.Forecaster({ time: 'a', covariates: { known: ['a'] } })).toThrow(
      coded('ERR_OPTION', /'a' stands twice/),
    )
    const category = series(days).map((row, i) => ({ ...row, kind: i % 2 === 0 ? 'a' : 'b' }))
    const forecaster = await fill({ covariates: { known: ['kind'] } }, category)
    expect(forecaster.forecast({ known: [{ t: day(12), kind: 'a' }] })).toHaveLength(1)
    expect(() => forecaster.forecast({ known: [{ t: day(12), kind: 'c' }] })).toThrow(
      coded('ERR_DATA', /row 0: kind is 'c'.*'a', 'b'/),
    )
  })

  it.each(['linear', 'last', 'mask'] as const)('that are missing are filled: %s', async (kind) => {
    const rows = series(Array.from({ length: 30 }, (_, i) => day(i))).map((row, i) =>
      i === 7 ? { ...row, v: null } : row,
    )
    const forecaster = await fill(
      { fill: kind },
      rows.filter((_, i) => i < 12 || i > 14),
    )
    expect(forecaster.forecast()[0]?.t).toBe(day(30))
    expect(Number.isFinite(forecaster.update({ t: day(30), v: null })[0]?.v?.median)).toBe(true)
    forecaster.update({ t: day(33), v: Number.NaN })
    expect(forecaster.forecast()[0]?.t).toBe(day(34))
    const [measured] = await forecaster.evaluate([
      { t: day(34), v: 3 },
      { t: day(35), v: null },
    ] as never)
    expect(measured?.v?.count).toBe(kind === 'mask' ? 1 : 2)
  })
})

describe('rows of texts, as tables have them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seqloom-texts-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const options = {
    ...{ variables: ['sales'], time: 'date', group: 'store', units: 4, window: 7, horizon: 2, seed: 1 },
    covariates: { known: ['promotion'], past: ['visitors'] },
  } as const
  const rows = shopRows(40)
  const known = knownOf(shopRows(2, 40))
  const table = (delimiter: string, shown: (value: number) => string) => {
    const path = join(folder, `rows-${delimiter.charCodeAt(0)}.csv`)
    const lines = rows.map(({ date, store, promotion, sales, visitors }) =>
      [date, store, promotion ? 'TRUE' : 'FALSE', shown(sales), shown(visitors)].join(delimiter),
    )
    writeFileSync(path, [Object.keys(rows[0] as object).join(delimiter), ...lines].join('\n'))
    return path
  }
  const forecastAfter = async (given: unknown) => {
    const forecaster = new tasks.Forecaster(options)
    await forecaster.train(given as never, { epochs: 1 })
    const found = forecaster.forecast({ known })
    forecaster.dispose()
    return found
  }

  it('train as rows of numbers do', async () => {
    const expected = await forecastAfter(rows)
    expect(await forecastAfter(data.csv(table(',', String)))).toEqual(expected)
    expect(await forecastAfter(data.csv(table(',', String)).filter(() => true))).toEqual(expected)
    const comma = (value: number) => String(value).replace('.', ',')
    expect(await forecastAfter(data.csv(table(';', comma)))).toEqual(expected)
    expect(await forecastAfter(rows.map((row) => ({ ...row, sales: String(row.sales) })))).toEqual(expected)
  }, 60_000)

  it('are told by file and line where one is no number', async () => {
    const path = join(folder, 'wrong.csv')
    writeFileSync(path, 'date,store,promotion,sales,visitors\n2024-01-01,a,true,1,1\n2024-01-02,a,true,many,1\n')
    await expect(new tasks.Forecaster(options).train(data.csv(path))).rejects.toEqual(
      coded('ERR_DATA', /wrong\.csv: line 3: sales must be a number, not 'many'/),
    )
  })

  it('are read as in training afterwards', async () => {
    const forecaster = new tasks.Forecaster(options)
    await forecaster.train(data.csv(table(',', String)), { epochs: 1 })
    const [measured] = await forecaster.evaluate(
      data.from(shopRows(4, 40).map((row) => ({ ...row, sales: String(row.sales) }))),
    )
    expect(measured?.sales?.mae).toBeGreaterThan(0)
    const texts = known.map((row) => ({ ...row, promotion: String(Number(row.promotion)) }))
    expect(forecaster.forecast({ known: texts })).toEqual(forecaster.forecast({ known }))
    forecaster.dispose()
  })
})
