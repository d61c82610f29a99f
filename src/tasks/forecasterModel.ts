import { type TensorLike, tensor } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { dense, dropout } from '../layers/index.js'
import { input } from '../layers/input.js'
import type { TracedFunction } from '../losses/traced.js'
import { type Sequential, sequential } from '../model/index.js'
import type { ForecasterSettings } from './forecasterOptions.js'
import { recurrentStack } from './recurrentStack.js'
import type { Scaling } from './series.js'

/** The quantiles that are forecast: the interval's lower end, the median and the upper end. */
export const quantileCount = 3

function quantiles(interval: number): readonly number[] {
  return [(1 - interval) / 2, 0.5, (1 + interval) / 2]
}

/**
 * The model of a forecaster: at every step of `[batch, time, variables]`, the quantiles of how much the value 1 … horizon steps later will differ
 * from this one's. Outputs are ordered by quantile, then by steps ahead, then by variable.
 */
export function forecasterModel(settings: ForecasterSettings): Sequential {
  const { variables, horizon, seed } = settings
  const steps = input({ shape: [null, variables.length] })
  const drop = settings.dropout > 0 ? [dropout({ rate: settings.dropout })] : []
  const outputs = dense({ units: quantileCount * horizon * variables.length })
  return sequential([steps, ...recurrentStack(settings, true), ...drop, outputs], { seed })
}

/** The quantile loss (Koenker and Bassett 1978): an error above the forecast costs the quantile, one below costs 1 − the quantile. */
export function quantileLoss(interval: number): TracedFunction {
  return (yTrue, yPred) => {
    const errors = yTrue.sub(yPred).split(quantileCount)
    const [first, ...rest] = quantiles(interval).map((q, index) => {
      const error = errors[index] as SymbolicValue
      return error.mul(q).maximum(error.mul(q - 1))
    }) as [SymbolicValue, ...SymbolicValue[]]
    return rest.reduce((sum, next) => sum.add(next), first)
  }
}

/** Windows of a series with what follows each of their steps, for training. */
export interface Windows {
  readonly x: TensorLike
  readonly y: TensorLike
  readonly count: number
}

/** Cuts rows into windows, each an eighth of its length after the one before; `ERR_DATA` for a series that is too short. */
export function windows(
  what: string,
  rows: readonly number[][],
  scaling: Scaling,
  settings: ForecasterSettings,
): Windows {
  const { horizon, variables } = settings
  const longest = rows.length - horizon
  if (longest < 2) {
    throw new SeqloomError(
      'ERR_DATA',
      `Forecaster.train: the ${what} has ${rows.length} steps; forecasts of ${horizon} ahead need at least ${horizon + 2}`,
    )
  }
  const window = Math.min(settings.window, longest)
  const stride = Math.ceil(window / 8)
  const starts = Array.from(
    { length: Math.floor((longest - window) / stride) + 1 },
    (_, i) => longest - window - i * stride,
  )
  const scaled = rows.map((row) => scaling.scale(row))
  const width = variables.length
  const outputs = quantileCount * horizon * width
  const x = new Float32Array(starts.length * window * width)
  const y = new Float32Array(starts.length * window * outputs)
  for (const [index, start] of starts.entries()) {
    for (let step = 0; step < window; step++) {
      const now = scaled[start + step] as Float32Array
      const place = index * window + step
      x.set(now, place * width)
      for (let output = 0; output < outputs; output++) {
        const variable = output % width
        const ahead = 1 + (Math.floor(output / width) % horizon)
        const later = scaled[start + step + ahead] as Float32Array
        y[place * outputs + output] = (later[variable] as number) - (now[variable] as number)
      }
    }
  }
  const count = starts.length
  return { x: tensor(x, [count, window, width]), y: tensor(y, [count, window, outputs]), count }
}
