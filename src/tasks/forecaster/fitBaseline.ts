import type { Sliced } from '../../data/slices.js'
import {
  type Baseline,
  type BaselineShape,
  effectOf,
  firstLearned,
  longestBack,
  places,
  product,
  Regressors,
} from './baseline.js'
import { fewestBlocks, mostBlocks, standardError } from './blocks.js'
import { fitEffects } from './effects.js'
import { cutOf, type Fitted } from './fitted.js'
import { normalReach, upperQuantile } from './quantile.js'
import { Moments, ridge } from './ridge.js'
import { likelyPeriods } from './seasons.js'

/** A linear forecast with how well it did on the last third, when fitted to what came before. */
export interface Candidate {
  readonly baseline: Baseline
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
 * By such a share, and by so many standard errors, must errors be smaller for a forecast that reads more; by more if it leaves the
 * last values for a slope or for the mean of all: chance makes some of many better.
 */
const [worthwhile, sure, surer] = [0.02, 1, 1.4]

/** From so many errors on, their quantiles can be told. */
const fewestErrors = 40

/** Smaller errors are rounding. */
const leastSpread = 1e-3

/** So many multiplications are spent on each shape that is tried, and on the one that is taken. */
const budget = { trial: 1.5e7, final: 6e7 } as const

/**
 * Fits the linear forecast of a variable. Which season it reads, whether what is known ahead, from which simple
 * forecast it starts and how far it may go from it is what does best on the last third of the training part, fitted to
 * what comes before (forward validation).
 */
export function* fitBaseline(
  series: readonly Fitted[],
  variable: number,
  { horizon, interval, aheadWidth }: { horizon: number; interval: number; aheadWidth: number },
): Sliced<Candidate> {
  const blocks = blocksOf(series, horizon)
  const early = series.map((one) => centred(one, variable))
  const plain = yield* search(early, variable, horizon, aheadWidth, blocks)
  const effects = aheadWidth > 0 ? yield* fitEffects(series, variable, aheadWidth) : undefined
  if (effects) {
    const taken = (all: readonly Float64Array[]) =>
      series.map((one, index) => without(one, variable, all[index] as Float64Array))
    const others = taken(effects.early).map((one) => centred(one, variable))
    const best = yield* search(others, variable, horizon, aheadWidth, blocks)
    if (isBetter(best, plain)) {
      const found = yield* finish(others, taken(effects.all), variable, best, horizon, aheadWidth, interval)
      return { ...found, baseline: { ...found.baseline, effects: effects.all } }
    }
  }
  return yield* finish(early, series, variable, plain, horizon, aheadWidth, interval)
}

/** In how many blocks the last thirds of series are looked at. */
function blocksOf(series: readonly Fitted[], horizon: number): number {
  const longest = series.reduce((most, one) => Math.max(most, one.end - cutOf(one)), 0)
  return Math.min(mostBlocks, Math.max(fewestBlocks, Math.floor((2 * longest) / horizon)))
}

/** Whether errors are smaller for sure: by the mean and the standard error of the logarithms of their ratios, block by block, so that one block decides nothing. */
function isBetter(next: Tried, best: Tried): boolean {
  const ratios = next.errors.flatMap((error, block) => {
    const other = best.errors[block] as number
    return Number.isNaN(error) || Number.isNaN(other) ? [] : [Math.log(Math.max(error, 1e-6) / Math.max(other, 1e-6))]
  })
  const error = standardError(ratios)
  if (error === undefined) return false
  const mean = ratios.reduce((sum, x) => sum + x, 0) / ratios.length
  const stays = next.weights[places.constant] === Number.POSITIVE_INFINITY && next.towards[places.now] === 0
  const needed = stays ? sure : surer
  return mean < -worthwhile && mean < -needed * error
}

/** A series without the effects of what is known. */
function without(one: Fitted, variable: number, effects: Float64Array): Fitted {
  return less(
    one,
    variable,
    Float32Array.from(one.past.ahead, (known) => effectOf(effects, known)),
  )
}

/** A series whose mean before its last third is 0: the mean of all would tell of what is to be forecast. */
function centred(one: Fitted, variable: number): Fitted {
  let [sum, count] = [0, 0]
  for (let t = 0; t < cutOf(one); t++) {
    const value = (one.targets[t] as Float32Array)[variable] as number
    if (Number.isNaN(value)) continue
    sum += value
    count++
  }
  return less(one, variable, new Float32Array(one.end).fill(count === 0 ? 0 : sum / count))
}

function less({ past, targets, end, taken: before }: Fitted, variable: number, amounts: Float32Array): Fitted {
  const apart = (rows: readonly Float32Array[]) =>
    rows.map((row, t) => row.map((value, index) => (index === variable ? value - (amounts[t] as number) : value)))
  const taken = amounts.map((amount, t) => amount + (before?.[t] ?? 0))
  return { past: { ...past, rest: apart(past.rest) }, targets: apart(targets), end, taken }
}

/** The season, whether what is known is read, and the way to coefficients that do best on the last third. */
function* search(
  series: readonly Fitted[],
  variable: number,
  horizon: number,
  aheadWidth: number,
  blocks: number,
): Sliced<Tried> {
  const columns = series.map(({ past, end }) =>
    Float64Array.from({ length: end }, (_, t) => (past.rest[t] as Float32Array)[variable] as number),
  )
  const longest = series.reduce((most, { end }) => Math.max(most, end), 0)
  const periods = likelyPeriods(columns)
  yield
  const shapeOf = (period: number, known: boolean): BaselineShape => {
    const seasons =
      period === 0 ? 0 : Math.max(1, Math.min(5, Math.floor(longest / (4 * period)), Math.floor(longestBack / period)))
    return { period, seasons, known }
  }
  let best = yield* tryShape(series, variable, shapeOf(0, false), horizon, aheadWidth, blocks)
  for (const period of periods) {
    const next = yield* tryShape(series, variable, shapeOf(period, false), horizon, aheadWidth, blocks)
    if (isBetter(next, best)) best = next
  }
  if (aheadWidth > 0) {
    for (const period of new Set([best.shape.period, 0])) {
      const next = yield* tryShape(series, variable, shapeOf(period, true), horizon, aheadWidth, blocks)
      if (isBetter(next, best)) best = next
    }
  }
  return best
}

/** A way from what is read to coefficients: the simple forecast to start from, and how many rows' worth it counts. */
interface Plan {
  readonly towards: Float64Array
  readonly weights: Float64Array
}

interface Tried extends Plan {
  readonly shape: BaselineShape
  /** For each block of the last third, the mean over the steps ahead of the root mean square errors; NaN where there are none. */
  readonly errors: readonly number[]
}

/**
 * The simple forecasts: the last value, the mean, a recent mean, the season before, with or without what has changed
 * since, and the mean of seasons.
 */
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
  blocks: number,
): Sliced<Tried> {
  const width = new Regressors(shape, variable, aheadWidth).width
  const limits = { aheadWidth, blocks, most: rowsOf(budget.trial, horizon, width) }
  const { before, after } = yield* moments(series, variable, shape, horizon, limits)
  let best: Tried | undefined
  for (const plan of plans(shape, width)) {
    const coefficients = before.map((moment) => ridge(moment, plan.towards, plan.weights))
    const errors = after.map((steps) => {
      const told = steps.flatMap((moment, step) =>
        moment.rows > 0 ? [Math.sqrt(moment.error(coefficients[step] as Float64Array))] : [],
      )
      return told.reduce((sum, error) => sum + error, 0) / told.length
    })
    const next = { ...plan, shape, errors }
    if (!best || isBetter(next, best)) best = next
    yield
  }
  return best as Tried
}

/** How many rows of so many numbers so many multiplications are enough for. */
const rowsOf = (multiplications: number, horizon: number, width: number) =>
  Math.max(200, Math.floor(multiplications / (horizon * width * width)))

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
      const now = (past.rest[at] as Float32Array)[variable] as number
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

/** Sums over what comes before the last third and, block by block, over that, for each step ahead. */
function* moments(
  series: readonly Fitted[],
  variable: number,
  shape: BaselineShape,
  horizon: number,
  { aheadWidth, blocks, most }: { aheadWidth: number; blocks: number; most: number },
) {
  const { width } = new Regressors(shape, variable, aheadWidth)
  const make = () => Array.from({ length: horizon }, () => new Moments(width))
  const before = make()
  const after = Array.from({ length: blocks }, make)
  yield* eachRow(series, variable, shape, { horizon, aheadWidth, most }, ({ index, at, step, x, change }) => {
    const one = series[index] as Fitted
    const cut = cutOf(one)
    const block = Math.floor((blocks * (at + step - cut)) / (one.end - cut))
    const part = block < 0 ? before : (after[block] as Moments[])
    ;(part[step - 1] as Moments).add(x, change)
  })
  return { before, after }
}

/** Fits to everything, after the errors on the last third have been taken. */
function* finish(
  early: readonly Fitted[],
  series: readonly Fitted[],
  variable: number,
  { shape, towards, weights }: Tried,
  horizon: number,
  aheadWidth: number,
  interval: number,
): Sliced<Candidate> {
  const { width } = new Regressors(shape, variable, aheadWidth)
  const limits = { aheadWidth, blocks: 1, most: rowsOf(budget.final, horizon, width) }
  const {
    before,
    after: [after = []],
  } = yield* moments(early, variable, shape, horizon, limits)
  const first = before.map((moment) => ridge(moment, towards, weights))
  const spread = spreadOf(
    after.map((moment, step) => {
      const coefficients = first[step] as Float64Array
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
  const cuts = early.map(cutOf)
  const most = Math.max(200, Math.floor(5e6 / (horizon * width)))
  yield* eachRow(early, variable, shape, { horizon, aheadWidth, most }, ({ index, at, step, x, change }) => {
    if (at + step < (cuts[index] as number)) return
    const forecast = product(first[step - 1] as Float64Array, x)
    const { past, taken } = early[index] as Fitted
    const now = ((past.rest[at] as Float32Array)[variable] as number) + (taken?.[at + step] ?? 0)
    tried.push({ series: index, forecast: now + forecast, value: now + change })
    sizes.push(Math.abs(change - forecast) / (spread[step - 1] as number))
  })
  // Intervals reach as many spreads as they would if errors were normal; of few errors, the tails are not known.
  const usual = normalReach(interval)
  const reach = sizes.length === 0 ? usual : upperQuantile(sizes, interval)
  const factor = (sizes.length < fewestErrors ? Math.max(reach, usual) : reach) / usual
  const all = yield* moments(series, variable, shape, horizon, limits)
  const coefficients = all.before.map((moment, step) => {
    moment.join(all.after[0]?.[step] as Moments)
    return ridge(moment, towards, weights)
  })
  yield
  return {
    baseline: { ...shape, coefficients, spread: spread.map((size) => Math.max(size * factor, leastSpread)) },
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
