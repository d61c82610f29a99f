import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { defineLayer } from '../layers/defineLayer.js'
import { dense, dropout } from '../layers/index.js'
import { input } from '../layers/input.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { TracedFunction } from '../losses/traced.js'
import { type Model, model, sequential } from '../model/index.js'
import type { Features } from './forecasterFeatures.js'
import { recurrentStack } from './recurrentStack.js'

/** The quantiles that are forecast: the interval's lower end, the median and the upper end. */
export const quantileCount = 3

function quantiles(interval: number): readonly number[] {
  return [(1 - interval) / 2, 0.5, (1 + interval) / 2]
}

/**
 * The model of a forecaster: at every step of `[batch, time, features]`, the quantiles of how much the value 1 … horizon steps later will differ
 * from this one's. Outputs are ordered by quantile, then by steps ahead, then by variable.
 *
 * Where something is known of steps to come, a second network, the same for every step ahead, reads that beside the recurrent layers' summary for that
 * step (the forking sequences of Wen et al. 2017, arXiv 1711.11053).
 */
export function forecasterModel(features: Features): Model {
  const { settings, inputWidth } = features
  const { variables, horizon, seed } = settings
  const steps = input({ shape: [null, inputWidth] })
  const drop = settings.dropout > 0 ? [dropout({ rate: settings.dropout })] : []
  const outputs = quantileCount * horizon * variables.length
  if (features.aheadWidth === 0) {
    return sequential([steps, ...recurrentStack(settings, true), ...drop, dense({ units: outputs })], { seed })
  }
  let state = presentOf(features)().apply(steps) as SymbolicTensor
  for (const layer of [...recurrentStack(settings, true), ...drop]) state = layer.apply(state) as SymbolicTensor
  return model({ inputs: [steps], outputs: decoder(features)().apply([state, steps]), seed })
}

const presentOf = ({ inputWidth, presentWidth }: Features) =>
  defineLayer({
    name: 'present',
    inputs: { x: ['time', inputWidth] },
    call: ({ x }) => x.slice(0, presentWidth),
  })

function decoder({ settings, inputWidth, presentWidth, aheadWidth }: Features) {
  const { horizon, variables, units } = settings
  const size = units
  return defineLayer({
    name: 'decoder',
    inputs: { state: ['time', 'units'], x: ['time', inputWidth] },
    weights: {
      summary: ['units', horizon * size],
      summaryBias: [horizon * size],
      present: [presentWidth, size],
      ahead: [aheadWidth, size],
      hidden: [size, size],
      hiddenBias: [size],
      quantiles: [
        [size, variables.length],
        [size, variables.length],
        [size, variables.length],
      ],
      biases: [[variables.length], [variables.length], [variables.length]],
    },
    call({ state, x }, w) {
      const ahead = x.slice(presentWidth, inputWidth).reshape([null, horizon, aheadWidth]).matmul(w.ahead)
      const present = x.slice(0, presentWidth).matmul(w.present).expandDims(2)
      const summary = state.matmul(w.summary).add(w.summaryBias).reshape([null, horizon, size])
      const seen = summary.add(ahead).add(present).relu()
      const hidden = seen.matmul(w.hidden).add(w.hiddenBias).relu()
      const [first, ...rest] = w.quantiles.map((kernel, index) =>
        hidden
          .matmul(kernel)
          .add(w.biases[index] as SymbolicValue)
          .reshape([null, horizon * variables.length]),
      ) as [SymbolicValue, ...SymbolicValue[]]
      return first.concat(...rest)
    },
  })
}

/**
 * The quantile loss (Koenker and Bassett 1978): an error above the forecast costs the quantile, one below costs 1 − the quantile. Targets are the
 * values, how much each counts, and zeros, each as many as there are steps ahead and variables.
 */
export function quantileLoss(interval: number): TracedFunction {
  return (yTrue, yPred) => {
    const [value, counts] = yTrue.split(quantileCount)
    const predictions = yPred.split(quantileCount)
    const [first, ...rest] = quantiles(interval).map((q, index) => {
      const error = value.sub(predictions[index] as SymbolicValue)
      return error.mul(q).maximum(error.mul(q - 1))
    }) as [SymbolicValue, ...SymbolicValue[]]
    return rest.reduce((sum, next) => sum.add(next), first).mul(counts)
  }
}
