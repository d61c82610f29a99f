// Ordinary series, forecast by `tasks.Forecaster` as it comes, without a single option but the horizon: root mean square errors beside those of the last
// value, the value one season before and the mean, and the share of values inside of 90 % intervals. All origins of the part that is held out count.
//
//   node measurements/series.mjs [seed] [part of a name]
import { tasks } from 'seqloom'

const seed = Number(process.argv[2] ?? 1)
const only = process.argv[3] ?? ''

function randomOf(start) {
  let state = (start * 7919 + 1) % 2_147_483_647
  const next = () => {
    state = (state * 16_807) % 2_147_483_647
    return state / 2_147_483_647
  }
  for (let i = 0; i < 10; i++) next()
  const normal = () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next())
  return { next, normal }
}

const make = (count, of) => Array.from({ length: count }, (_, t) => of(t))
const wave = (t, period) => Math.sin((2 * Math.PI * t) / period)
const airline = [
  112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118, 115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114,
  140, 145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166, 171, 180, 193, 181, 183, 218, 230, 242, 209, 191,
  172, 194, 196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201, 204, 188, 235, 227, 234, 264, 302, 293, 259,
  229, 203, 229, 242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278, 284, 277, 317, 313, 318, 374, 413, 405,
  355, 306, 271, 306, 315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336, 340, 318, 362, 348, 363, 435, 491,
  505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405, 417, 391, 419, 461, 472, 535,
  622, 606, 508, 461, 390, 432,
]

/** What is forecast: values, how many of them at the end are held out, how far ahead, and the period of a season, if there is one. */
const suite = {
  'airline passengers': () => ({ values: airline, test: 12, horizon: 12, season: 12 }),
  'airline passengers, 3 years': () => ({ values: airline, test: 36, horizon: 12, season: 12 }),
  'trend and multiplied season': ({ normal }) => ({
    values: make(156, (t) => (100 + 2.5 * t) * (1 + 0.3 * wave(t, 12)) * (1 + 0.03 * normal())),
    ...{ test: 12, horizon: 12, season: 12 },
  }),
  'trend and added season': ({ normal }) => ({
    values: make(240, (t) => 50 + 0.5 * t + 20 * wave(t, 12) + 10 * wave(t, 4) + 4 * normal()),
    ...{ test: 48, horizon: 12, season: 12 },
  }),
  'random walk': ({ normal }) => {
    let at = 100
    const next = () => {
      at += normal()
      return at
    }
    return { values: make(400, next), test: 100, horizon: 6 }
  },
  'random walk, short': ({ normal }) => {
    let at = 0
    const next = () => {
      at += normal()
      return at
    }
    return { values: make(120, next), test: 40, horizon: 1 }
  },
  'level shift': ({ normal }) => ({
    values: make(300, (t) => (t < 170 ? 20 : 35) + 2 * normal()),
    ...{ test: 60, horizon: 4 },
  }),
  'white noise': ({ normal }) => ({ values: make(300, () => 50 + 5 * normal()), test: 100, horizon: 3 }),
  'intermittent counts': ({ next }) => ({
    values: make(400, () => (next() < 0.3 ? 1 + Math.floor(4 * next()) : 0)),
    ...{ test: 100, horizon: 3 },
  }),
  'negative values, second order': ({ normal }) => {
    const x = [0, 0]
    for (let t = 2; t < 400; t++) x.push(1.5 * x[t - 1] - 0.8 * x[t - 2] + normal())
    return { values: x.map((v) => 10 * v - 5), test: 100, horizon: 3 }
  },
  'days of two years, weekly season': ({ normal }) => ({
    values: make(730, (t) => 200 + 0.05 * t + [30, 10, 0, -5, 10, 60, 80][t % 7] + 10 * normal()),
    ...{ test: 140, horizon: 7, season: 7, every: 86_400_000 },
  }),
  'hours, daily season': ({ normal }) => {
    let rest = 0
    const at = (t) => {
      rest = 0.8 * rest + 3 * normal()
      return 100 + 30 * wave(t, 24) + 10 * wave(t, 12) + rest
    }
    return { values: make(24 * 40, at), test: 24 * 8, horizon: 24, season: 24 }
  },
  'threshold (nothing linear)': ({ normal }) => {
    const x = [0.5]
    for (let t = 1; t < 800; t++) x.push((x[t - 1] > 0 ? -0.9 * x[t - 1] : 1.5 + 0.5 * x[t - 1]) + 0.2 * normal())
    return { values: x, test: 200, horizon: 1 }
  },
  '30 values with trend': ({ normal }) => ({
    values: make(42, (t) => 10 + 2 * t + 3 * normal()),
    test: 12,
    horizon: 3,
  }),
  '15 values around a mean': ({ normal }) => ({ values: make(27, () => 10 + normal()), test: 12, horizon: 1 }),
  '5 values': ({ normal }) => ({ values: make(17, (t) => 100 + 0.5 * t + normal()), test: 12, horizon: 1 }),
  'missing values': ({ normal, next }) => ({
    values: make(400, (t) => (next() < 0.1 ? null : 20 + 8 * wave(t, 7) + normal())),
    ...{ test: 100, horizon: 7, season: 7, fill: 'mask' },
  }),
}

const rmse = (pairs) => Math.sqrt(pairs.reduce((sum, [a, b]) => sum + (a - b) ** 2, 0) / pairs.length)

/** The errors of a rule at all origins. */
function errorsOf(values, end, horizon, forecast) {
  const pairs = []
  for (let t = end; t < values.length; t++) {
    for (let k = 0; k < horizon && t + k < values.length; k++) {
      if (values[t + k] !== null) pairs.push([values[t + k], forecast(t, k)])
    }
  }
  return rmse(pairs)
}

async function measure(name, { values, test, horizon, season, every, fill }) {
  const end = values.length - test
  const filled = []
  for (const value of values) filled.push(value ?? filled.at(-1) ?? 0)
  const mean = filled.slice(0, end).reduce((sum, x) => sum + x / end, 0)
  // Where all that is held out is one horizon, it is forecast once, from its beginning.
  const once = test === horizon
  const compare = (forecast) =>
    once ? rmse(values.slice(end).map((v, k) => [v, forecast(end, k)])) : errorsOf(values, end, horizon, forecast)
  const last = compare((t) => filled[t - 1])
  const still = compare(() => mean)
  const seasonal = season && compare((t, k) => filled[t + (k % season) - season])
  const options = { horizon, seed, ...(fill && { fill }), ...(every && { time: 't' }) }
  const data = every
    ? values.map((value, t) => ({ t: new Date(Date.UTC(2022, 0, 3) + t * every).toISOString().slice(0, 10), value }))
    : values
  const forecaster = new tasks.Forecaster(options)
  const started = performance.now()
  await forecaster.train(data.slice(0, end))
  const seconds = (performance.now() - started) / 1000
  let [ours, inside] = [0, 0]
  if (once) {
    const found = forecaster.forecast().map(({ value }) => value)
    ours = rmse(values.slice(end).map((v, k) => [v, found[k].median]))
    inside = found.filter(({ lower, upper }, k) => values[end + k] >= lower && values[end + k] <= upper).length / test
  } else {
    const measured = (await forecaster.evaluate(data.slice(end))).map(({ value }) => value)
    const count = measured.reduce((sum, one) => sum + one.count, 0)
    ours = Math.sqrt(measured.reduce((sum, one) => sum + one.count * one.rmse ** 2, 0) / count)
    inside = measured.reduce((sum, one) => sum + one.count * one.coverage, 0) / count
  }
  await forecaster.dispose()
  const show = (x) => (x === undefined ? '' : x.toFixed(2)).padStart(9)
  console.log(`${name.padEnd(34)}${[last, seasonal, still, ours].map(show).join('')}${show(inside)}${show(seconds)}`)
}

console.log(`${''.padEnd(34)}     last   season     mean     ours  covered  seconds`)
for (const [index, [name, of]] of Object.entries(suite).entries()) {
  if (name.includes(only)) await measure(name, of(randomOf(seed + 100 * index)))
}
