import type { Sliced } from '../../data/slices.js'
import {
  type Baseline,
  type BaselineShape,
  firstLearned,
  longestBack,
  type Past,
  places,
  product,
  Regressors,
} from './baseline.js'
import { normalReach, upperQuantile } from './quantile.js'
import { Moments, ridge } from './ridge.js'
import { likelyPeriods } from './seasons.js'

/** A series to fit to, up to the end of its training part. */
export interface Fitted {
  readonly past: Past
  /** The scaled values; NaN where missing. */
  readonly targets: readonly Float32Array[]
  /** How many steps are fitted to. */
  readonly end: number
}

/** A linear forecast with how well it did on the last third, when fitted to what came before. */
export interface Candidate {
  readonly baseline: Baseline
  /** The mean over the steps ahead of the root mean square errors. */
  readonly error: number
  /** Forecasts of that third with what came. */
  readonly tried: readonly Trial[]
}

/** A forecast and what came, scaled. */
export interface Trial {
  readonly series: number
  readonly forecast: number
  readonly value: number
}

/**
 * By so much must the error of a forecast that reads more, or goes further, be smaller, for one independent error of a forecast to the horizon: chance alone
 * makes one of several better by the root of their number.
 */
const margin = 0.3

/** From so many errors on, their quantiles can be told. */
const fewestErrors = 40

/** Smaller errors are rounding. */
const leastSpread = 1e-3

/** So many multiplications are spent on each shape that is tried, and on the one that is taken. */
const budget = { trial: 1.5e7, final: 6e7 } as const

/**
 * Fits the linear forecast of a variable. Which season it reads, whether what is known ahead, from which simple forecast it starts and how far it may go
 * from it is what does best on the last third of the training part, fitted to what comes before (forward validation).
 */
export function* fitBaseline(
  series: readonly Fitted[],
  variable: number,
  { horizon, interval, aheadWidth }: { horizon: number; interval: number; aheadWidth: number },
): Sliced<Candidate> {
  const columns = series.map(({ past, end }) =>
    Float64Array.from({ length: end }, (_, t) => (past.values[t] as Float32Array)[variable] as number),
  )
  const longest = series.reduce((most, { end }) => Math.max(most, end), 0)
  const periods = likelyPeriods(columns)
  yield
  const shapeOf = (period: number, known: boolean): BaselineShape => {
    const seasons =
      period === 0 ? 0 : Math.max(1, Math.min(5, Math.floor(longest / (4 * period)), Math.floor(longestBack / period)))
    return { period, seasons, known }
  }
  const independent = series.reduce((sum, one) => sum + one.end - cutOf(one), 0) / horizon
  const better = Math.max(0.75, 1 - margin / Math.sqrt(Math.max(independent, 1)))
  let best = yield* tryShape(series, variable, shapeOf(0, false), horizon, aheadWidth, better)
  for (const period of periods) {
    const next = yield* tryShape(series, variable, shapeOf(period, false), horizon, aheadWidth, better)
    if (next.error < better * best.error) best = next
  }
  if (aheadWidth > 0) {
    for (const period of new Set([best.shape.period, 0])) {
      const next = yield* tryShape(series, variable, shapeOf(period, true), horizon, aheadWidth, better)
      if (next.error < better * best.error) best = next
    }
  }
  return yield* finish(series, variable, best, horizon, aheadWidth, interval)
}

/** A way from what is read to coefficients: the simple forecast to start from, and how many rows' worth it counts. */
interface Plan {
  readonly towards: Float64Array
  readonly weights: Float64Array
}

interface Tried extends Plan {
  readonly shape: BaselineShape
  readonly error: number
}

/** The simple forecasts: the last value, the mean, a recent mean, the season before, with or without what has changed since, and the mean of seasons. */
function plans(shape: BaselineShape, width: number): Plan[] {
  const { seasons } = shape
  const vector = (entries: readonly (readonly [number, number])[]) => {
    const towards = new Float64Array(width)
    for (const [place, value] of entries) towards[place] = value
    return towards
  }
  const seasonal = (share: number) => Array.from({ length: seasons }, (_, i) => [places.ahead + i, share] as const)
  const starts = [
    vector([]),
    vector([[places.now, -1]]),
    vector([[places.shortMean, 1]]),
    vector([[places.longMean, 1]]),
    ...(seasons === 0 ? [] : [vector([[places.ahead, 1]])]),
    ...(seasons === 0
      ? []
      : [
          vector([
            [places.ahead, 1],
            [places.ahead + seasons, -1],
          ]),
        ]),
    ...(seasons < 2 ? [] : [vector(seasonal(1 / seasons))]),
  ]
  const stays = Number.POSITIVE_INFINITY
  const freedoms = [
    [stays, stays],
    [1, stays],
    [1, 100],
    [1, 10],
    [1, 1],
  ] as const
  return freedoms.flatMap(([constant, others]) =>
    starts.map((towards) => ({
      towards,
      // How far a series is from where it used to be says nothing once it has left: recent means say it.
      weights: Float64Array.from({ length: width }, (_, i) =>
        i === places.constant ? constant : i === places.now ? stays : others,
      ),
    })),
  )
}

function* tryShape(
  series: readonly Fitted[],
  variable: number,
  shape: BaselineShape,
  horizon: number,
  aheadWidth: number,
  better: number,
): Sliced<Tried> {
  const width = new Regressors(shape, variable, aheadWidth).width
  const { before, after } = yield* moments(series, variable, shape, horizon, aheadWidth, budget.trial)
  const told = before.map((_, step) => step).filter((step) => (after[step]?.rows ?? 0) > 0)
  let best: Tried | undefined
  for (const plan of plans(shape, width)) {
    let error = 0
    for (const step of told) {
      const coefficients = ridge(before[step] as Moments, plan.towards, plan.weights)
      error += Math.sqrt((after[step] as Moments).error(coefficients)) / told.length
    }
    if (!best || error < better * best.error) best = { ...plan, shape, error }
    yield
  }
  return best as Tried
}

/** Where the last third of a series' training part begins. */
const cutOf = ({ end }: Fitted): number => Math.floor((2 * end) / 3)

/** Calls for every step that is fitted to, of at most so many, with how much later values differ. */
function* eachRow(
  series: readonly Fitted[],
  variable: number,
  shape: BaselineShape,
  { horizon, aheadWidth, most }: { horizon: number; aheadWidth: number; most: number },
  visit: (row: { index: number; at: number; step: number; x: Float64Array; change: number }) => void,
): Sliced<void> {
  const regressors = new Regressors(shape, variable, aheadWidth)
  const x = new Float64Array(regressors.width)
  const all = series.reduce((sum, { end }) => sum + end, 0)
  const stride = Math.max(1, Math.ceil(all / most))
  for (const [index, { past, targets, end }] of series.entries()) {
    const from = firstLearned(shape, end)
    for (let at = end - 2; at >= from; at -= stride) {
      regressors.writePresent(past, at, x)
      const now = (past.values[at] as Float32Array)[variable] as number
      for (let step = 1; step <= horizon && at + step < end; step++) {
        const later = (targets[at + step] as Float32Array)[variable] as number
        if (Number.isNaN(later)) continue
        regressors.writeAhead(past, at, step, past.ahead[at + step], x)
        visit({ index, at, step, x, change: later - now })
      }
      yield
    }
  }
}

function* moments(
  series: readonly Fitted[],
  variable: number,
  shape: BaselineShape,
  horizon: number,
  aheadWidth: number,
  multiplications: number,
) {
  const { width } = new Regressors(shape, variable, aheadWidth)
  const make = () => Array.from({ length: horizon }, () => new Moments(width))
  const [before, after] = [make(), make()]
  const most = Math.max(200, Math.floor(multiplications / (horizon * width * width)))
  const cuts = series.map(cutOf)
  yield* eachRow(series, variable, shape, { horizon, aheadWidth, most }, ({ index, at, step, x, change }) => {
    const part = at + step < (cuts[index] as number) ? before : after
    ;(part[step - 1] as Moments).add(x, change)
  })
  return { before, after }
}

/** Fits to everything, after the errors on the last third have been taken. */
function* finish(
  series: readonly Fitted[],
  variable: number,
  { shape, towards, weights, error }: Tried,
  horizon: number,
  aheadWidth: number,
  interval: number,
): Sliced<Candidate> {
  const { before, after } = yield* moments(series, variable, shape, horizon, aheadWidth, budget.final)
  const early = before.map((moment) => ridge(moment, towards, weights))
  const spread = spreadOf(
    after.map((moment, step) => {
      const coefficients = early[step] as Float64Array
      if (moment.rows === 0) return undefined
      const tried = moment.error(coefficients)
      if (moment.rows >= fewestErrors) return Math.sqrt(tried)
      // A few errors may be small by chance, and so may their mean.
      const fit = (before[step] as Moments).rows > 0 ? (before[step] as Moments).error(coefficients) : 0
      return Math.sqrt(Math.max(tried, fit)) * (1 + 1.5 / moment.rows)
    }),
  )
  const tried: Trial[] = []
  const sizes: number[] = []
  const cuts = series.map(cutOf)
  const most = Math.max(200, Math.floor(5e6 / (horizon * (early[0] as Float64Array).length)))
  yield* eachRow(series, variable, shape, { horizon, aheadWidth, most }, ({ index, at, step, x, change }) => {
    if (at + step < (cuts[index] as number)) return
    const forecast = product(early[step - 1] as Float64Array, x)
    const now = ((series[index] as Fitted).past.values[at] as Float32Array)[variable] as number
    tried.push({ series: index, forecast: now + forecast, value: now + change })
    sizes.push(Math.abs(change - forecast) / (spread[step - 1] as number))
  })
  // Intervals reach as many spreads as they would if errors were normal; of few errors, the tails are not known.
  const usual = normalReach(interval)
  const reach = sizes.length === 0 ? usual : upperQuantile(sizes, interval)
  const factor = (sizes.length < fewestErrors ? Math.max(reach, usual) : reach) / usual
  const coefficients = before.map((moment, step) => {
    moment.join(after[step] as Moments)
    return ridge(moment, towards, weights)
  })
  yield
  return {
    baseline: { ...shape, coefficients, spread: spread.map((size) => Math.max(size * factor, leastSpread)) },
    error,
    tried,
  }
}

/** Where there was nothing to measure, errors grow as those of a random walk; none is so small that it is rounding. */
function spreadOf(measured: readonly (number | undefined)[]): number[] {
  let [last, steps] = [1, 1]
  return measured.map((size, index) => {
    if (size === undefined) return last * Math.sqrt((index + 1) / steps)
    last = Math.max(size, leastSpread)
    steps = index + 1
    return last
  })
}
