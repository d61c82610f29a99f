import type { Sliced } from '../../data/slices.js'
import { cutOf, type Fitted } from './fitted.js'
import { Moments, ridge } from './ridge.js'

/** For each series, by how much values change with each number that is known of their step. */
export interface Effects {
  /** As they are without the last third. */
  readonly early: readonly Float64Array[]
  readonly all: readonly Float64Array[]
}

/** How fast the level is followed that effects are told apart from: from 0, it is the mean of all before, to 1, the last value. */
const speeds = [0, 0.03, 0.1, 0.3, 1]

/** How many values say that there is no effect, or that a series' effects are those of all. */
const strengths = [Number.POSITIVE_INFINITY, 1000, 300, 100, 30, 10, 3, 1, 0.3]

/** So many multiplications are spent on each speed that is tried. */
const budget = 2e7

/** With more work to do, all series have the same effects. */
const mostWork = 2e8

/** By such a share must the squared errors be smaller. */
const worthwhile = 0.04

/** How effects are told apart. */
interface Way {
  readonly speed: number
  /** How strongly the effects of all are drawn to zero, and those of each to those of all. */
  readonly pooled: number
  readonly own: number
}

/**
 * The effects of what is known ahead on a variable: regression with the errors of a local level, of which simple exponential smoothing, of values and of what
 * is known alike, leaves the innovations. The effects of all series together are drawn to zero, and each one's to those, as does best on the last third,
 * forecast from what comes before. Undefined if they do not help there.
 */
export function* fitEffects(series: readonly Fitted[], variable: number, width: number): Sliced<Effects | undefined> {
  const steps = series.reduce((sum, { end }) => sum + end, 0)
  const stride = strideOf((steps * width * width) / budget)
  const read = (one: Fitted, speed: number) => innovations(one, variable, width, speed, stride)
  let best: (Way & { readonly error: number }) | undefined
  let without = Number.POSITIVE_INFINITY
  for (const speed of speeds) {
    const sum = { before: new Moments(width + 1), after: new Moments(width + 1) }
    for (const one of series) {
      const { before, after } = yield* read(one, speed)
      sum.before.join(before)
      sum.after.join(after)
    }
    if (sum.before.rows === 0 || sum.after.rows === 0) return undefined
    const found = strengths.map((pooled) => {
      const coefficients = shrunk(sum.before, undefined, pooled)
      return { speed, pooled, own: Number.POSITIVE_INFINITY, coefficients, error: sum.after.error(coefficients) }
    })
    without = Math.min(without, found[0]?.error as number)
    const together = found.reduce((least, next) => (next.error < least.error ? next : least))
    const tried = [together]
    if (series.length > 1 && series.length * width ** 3 <= mostWork) {
      const errors = strengths.map(() => 0)
      for (const one of series) {
        const { before, after } = yield* read(one, speed)
        for (const [place, own] of after.rows > 0 ? strengths.entries() : []) {
          const error = after.error(shrunk(before, together.coefficients, own))
          errors[place] = (errors[place] as number) + (error * after.rows) / sum.after.rows
          yield
        }
      }
      tried.push(...strengths.map((own, place) => ({ ...together, own, error: errors[place] as number })))
    }
    for (const next of tried) if (!best || next.error < best.error) best = next
  }
  if (!best || best.error > (1 - worthwhile) * without) return undefined
  const early = yield* effectsOf(series, width, best, function* (one, speed) {
    return (yield* read(one, speed)).before
  })
  const all = yield* effectsOf(series, width, best, function* (one, speed) {
    const { before, after } = yield* read(one, speed)
    before.join(after)
    return before
  })
  return { early, all }
}

/** Every so many steps one is taken; no season is passed over by it. */
function strideOf(least: number): number {
  let stride = Math.ceil(least)
  while ([2, 3, 5, 7].some((factor) => stride % factor === 0)) stride++
  return stride
}

function* effectsOf(
  series: readonly Fitted[],
  width: number,
  { speed, pooled, own }: Way,
  read: (one: Fitted, speed: number) => Sliced<Moments>,
): Sliced<Float64Array[]> {
  const sum = new Moments(width + 1)
  for (const one of series) sum.join(yield* read(one, speed))
  const together = shrunk(sum, undefined, pooled)
  const effects: Float64Array[] = []
  for (const one of series) effects.push(shrunk(yield* read(one, speed), together, own).slice(1))
  return effects
}

/** Ridge regression. The constant is free. What is known is of size 1, and so are values: all effects are drawn alike, however little tells of them. */
function shrunk(moments: Moments, towards: Float64Array | undefined, strength: number): Float64Array {
  const { width, products, rows } = moments
  const weights = Float64Array.from({ length: width }, (_, i) => {
    const told = (products[i * width + i] as number) / rows
    if (i === 0) return 0
    return told > 0 ? strength / told : Number.POSITIVE_INFINITY
  })
  return ridge(moments, towards ?? new Float64Array(width), weights)
}

/** The innovations of a series, before its last third and in it: rows of a constant and of what is known, and values. */
function* innovations(one: Fitted, variable: number, width: number, speed: number, stride: number) {
  const { past, targets, end } = one
  const cut = cutOf(one)
  const [before, after] = [new Moments(width + 1), new Moments(width + 1)]
  const [x, level] = [new Float64Array(width + 1), new Float64Array(width + 1)]
  x[0] = 1
  let count = 0
  for (let t = 0; t < end; t++) {
    if (t % 64 === 0) yield
    const value = (targets[t] as Float32Array)[variable] as number
    if (Number.isNaN(value)) continue
    const known = past.ahead[t] as Float32Array
    count++
    const share = Math.max(speed, 1 / count)
    const error = value - (level[0] as number)
    level[0] = (level[0] as number) + share * error
    for (let i = 1; i <= width; i++) {
      const change = (known[i - 1] as number) - (level[i] as number)
      x[i] = change
      level[i] = (level[i] as number) + share * change
    }
    // Of the first there is nothing to differ from.
    if (count > 1 && t % stride === 0) (t < cut ? before : after).add(x, error)
  }
  return { before, after }
}
