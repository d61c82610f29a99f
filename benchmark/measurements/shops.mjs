// Six shops with a weekly season, a trend and promotions: the weighted absolute percentage error of `tasks.Forecaster` and of a functional model
// written by hand, 14 days ahead, over the last 56 of 730 days.
//
//   node measurements/shops.mjs [seed]
import { input, layers, model, optimizers, tasks } from '../../dist/index.js'

const seed = Number(process.argv[2] ?? 1)
const [days, horizon, held, window] = [730, 14, 56, 42]

/** Made-up sales; `mean` is what they would be without chance. */
function shops() {
  let state = seed * 7919 + 1
  const random = () => {
    state = (state * 16_807) % 2_147_483_647
    return state / 2_147_483_647
  }
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
  return Array.from({ length: 6 }, (_, shop) => {
    const level = 80 * 2 ** shop * (0.8 + 0.4 * random())
    const trend = ((random() - 0.3) * 0.6) / days
    const uplift = 0.25 + 0.5 * random()
    const week = Array.from(
      { length: 7 },
      (_, d) => 1 + 0.35 * Math.sin((2 * Math.PI * (d + shop)) / 7) + 0.15 * (random() - 0.5),
    )
    let left = 0
    return Array.from({ length: days }, (_, t) => {
      if (left > 0) left--
      else if (random() < 0.06) left = 3 + Math.floor(random() * 4)
      const promotion = Number(left > 0)
      const mean = level * (1 + trend * t) * week[t % 7] * (1 + uplift * promotion)
      const date = new Date(Date.UTC(2023, 0, 1 + t)).toISOString().slice(0, 10)
      return {
        date,
        store: `shop ${shop + 1}`,
        promotion,
        mean,
        sales: Math.max(0, Math.round(mean * (1 + 0.06 * normal()))),
      }
    })
  })
}

const series = shops()
const end = days - held
const origins = Array.from({ length: held / horizon }, (_, i) => end + i * horizon)
const compared = origins.flatMap((origin) => series.flatMap((rows) => rows.slice(origin, origin + horizon)))
const size = compared.reduce((sum, { sales }) => sum + sales, 0)
const show = (name, of, seconds) => {
  const error = compared.reduce((sum, row) => sum + Math.abs(row.sales - of(row)), 0)
  console.log(
    `${name.padEnd(34)} ${((100 * error) / size).toFixed(2)} %${seconds === undefined ? '' : `  ${seconds.toFixed(0)} s`}`,
  )
}
const key = ({ store, date }) => `${store} ${date}`
const plain = (rows) => rows.map(({ mean, ...row }) => row)
const between = (from, to) => series.flatMap((rows) => plain(rows.slice(from, to)))

async function byTask() {
  const forecaster = new tasks.Forecaster({
    ...{ variables: ['sales'], time: 'date', group: 'store', horizon, seed },
    covariates: { known: ['promotion'] },
  })
  await forecaster.train(between(0, end))
  const found = new Map()
  for (const origin of origins) {
    if (origin > end) forecaster.update(between(origin - horizon, origin))
    const known = between(origin, origin + horizon)
    for (const row of forecaster.forecast({ known })) found.set(key(row), row.sales.median)
  }
  return found
}

/** A GRU reads six weeks; another one, from its state, the shop, weekdays and promotions of the days to come. */
async function byHand() {
  const scales = series.map((rows) => {
    const sales = rows.slice(0, end).map((row) => row.sales)
    const mean = sales.reduce((sum, x) => sum + x / sales.length, 0)
    return { mean, deviation: Math.sqrt(sales.reduce((sum, x) => sum + (x - mean) ** 2 / sales.length, 0)) }
  })
  const scaled = (shop, t) => (series[shop][t].sales - scales[shop].mean) / scales[shop].deviation
  const ahead = (shop, t) => [
    series[shop][t].promotion,
    ...Array.from({ length: 7 }, (_, d) => Number(d === t % 7)),
    ...series.map((_, other) => Number(other === shop)),
  ]
  const past = (shop, t) =>
    Array.from({ length: window }, (_, i) => t - window + i).map((s) => [scaled(shop, s), ...ahead(shop, s)])
  const future = (shop, t) => Array.from({ length: horizon }, (_, i) => ahead(shop, t + i))
  const width = ahead(0, 0).length
  const [x, z] = [input({ shape: [window, 1 + width] }), input({ shape: [horizon, width] })]
  const [, state] = layers.gru({ units: 32, returnState: true }).apply(x)
  const decoded = layers.gru({ units: 32, returnSequences: true }).apply(z, { initialState: [state] })
  const outputs = layers.dense({ units: 1 }).apply(layers.dense({ units: 32, activation: 'relu' }).apply(decoded))
  const m = model({ inputs: [x, z], outputs, seed })
  m.compile({ optimizer: optimizers.adam({ learningRate: 3e-3 }), loss: 'meanAbsoluteError' })
  const places = series.flatMap((_, shop) =>
    Array.from({ length: end - horizon - window }, (_, i) => [shop, window + i]).filter(([, t]) => t % 2 === 0),
  )
  const targets = places.map(([shop, t]) => Array.from({ length: horizon }, (_, i) => [scaled(shop, t + i)]))
  const of = (list) => [list.map(([shop, t]) => past(shop, t)), list.map(([shop, t]) => future(shop, t))]
  await m.fit(of(places), targets, { epochs: 20, batchSize: 32 })
  const found = new Map()
  const asked = origins.flatMap((origin) => series.map((_, shop) => [shop, origin]))
  const { data } = await m.predict(of(asked))
  asked.forEach(([shop, t], index) => {
    const { mean, deviation } = scales[shop]
    for (let i = 0; i < horizon; i++) found.set(key(series[shop][t + i]), mean + deviation * data[index * horizon + i])
  })
  return found
}

const timed = async (name, work) => {
  const started = performance.now()
  const found = await work()
  show(name, (row) => found.get(key(row)), (performance.now() - started) / 1000)
}
const before = new Map(series.flatMap((rows) => rows.slice(14).map((row, t) => [key(row), rows[t].sales])))
show('two weeks before', (row) => before.get(key(row)))
await timed('a functional model by hand', byHand)
await timed('tasks.Forecaster', byTask)
show('chance alone', ({ mean }) => mean)
