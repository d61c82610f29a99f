import type { TensorLike } from '../../data/tensor.js'
import { upperQuantile } from './quantile.js'

/** What was found on held-out values about a trained network, for each variable. */
export interface Calibration {
  /** How much of the network's correction of the linear forecast is taken, from 0 to 1. */
  readonly trust: readonly number[]
  /** For each step ahead, by how much the network's intervals are made wider. */
  readonly widths: readonly (readonly number[])[]
}

/** A median with an interval, in units of the linear forecast's errors and from there. */
export interface Quantiles {
  readonly lower: number
  readonly median: number
  readonly upper: number
}

/** With fewer held-out values of a step ahead, all steps are taken together. */
const fewest = 100

/** So many held-out steps count as much as the linear forecast's own errors, by which intervals are as wide as they should be. */
const weight = 20

/** What a network's three outputs say if it is trusted so far. Learned separately, quantiles may cross. */
export function trusted(outputs: readonly number[], trust: number, reach: number): Quantiles {
  const [lower, median, upper] = outputs
    .map((output, index) => trust * output + (index - 1) * reach)
    .sort((a, b) => a - b) as [number, number, number]
  return { lower, median, upper }
}

/** An interval made wider around its median. */
export function widened({ lower, median, upper }: Quantiles, factor: number): Quantiles {
  return { median, lower: median + factor * (lower - median), upper: median + factor * (upper - median) }
}

/**
 * Finds on held-out values how far to trust a network, by least squares, and how wide intervals must be to hold the share that they are to (conformalized
 * quantile regression, Romano et al. 2019, with widths in place of distances, so that they grow with the steps ahead as the network's do).
 */
export function calibrate(
  predictions: TensorLike,
  targets: TensorLike,
  { horizon, variables, interval, reach }: { horizon: number; variables: number; interval: number; reach: number },
): Calibration {
  const block = horizon * variables
  const [found, expected] = [predictions.data as Float32Array, targets.data as Float32Array]
  const rows: {
    readonly variable: number
    readonly step: number
    readonly value: number
    readonly outputs: number[]
  }[] = []
  for (let place = 0; place < expected.length; place += 3 * block) {
    for (let output = 0; output < block; output++) {
      if (!((expected[place + block + output] as number) > 0)) continue
      const outputs = [0, 1, 2].map((quantile) => found[place + quantile * block + output] as number)
      const value = expected[place + output] as number
      rows.push({ variable: output % variables, step: Math.floor(output / variables), value, outputs })
    }
  }
  const all = Array.from({ length: variables }, (_, variable) => {
    const own = rows.filter((row) => row.variable === variable)
    let [product, square, deviation] = [0, 0, 0]
    for (const { value, outputs } of own) {
      product += value * (outputs[1] as number)
      square += (outputs[1] as number) ** 2
      deviation += (value * (outputs[1] as number)) ** 2
    }
    // Forecasts of steps that overlap err alike: so many are as one.
    const sure = product - Math.sqrt(horizon * deviation)
    const trust = square > 0 ? Math.min(1, Math.max(0, sure / square)) : 0
    const scores = own.map(({ step, value, outputs }) => {
      const { lower, median, upper } = trusted(outputs, trust, reach)
      const width = value < median ? median - lower : upper - median
      return { step, score: Math.abs(value - median) / Math.max(width, 1e-6) }
    })
    const factor = (of: typeof scores, steps: number) => {
      if (of.length === 0) return 1
      const found = upperQuantile(
        of.map(({ score }) => score),
        interval,
        Math.max(1, Math.floor(steps / horizon)),
      )
      return found ** (steps / (steps + weight))
    }
    const together = factor(scores, scores.length / horizon)
    const widths = Array.from({ length: horizon }, (_, ahead) => {
      const ofStep = scores.filter(({ step }) => step === ahead)
      return ofStep.length < fewest ? together : factor(ofStep, ofStep.length)
    })
    return { trust, widths }
  })
  return { trust: all.map(({ trust }) => trust), widths: all.map(({ widths }) => widths) }
}

/** How a network is used of which nothing was measured: the fewer values it was trained on, the less. */
export function uncalibrated(trust: number, horizon: number, variables: number): Calibration {
  const each = <T>(value: T) => Array.from({ length: variables }, () => value)
  return { trust: each(trust), widths: each(Array.from({ length: horizon }, () => 1)) }
}
